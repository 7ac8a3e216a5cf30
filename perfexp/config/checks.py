"""Range checks of the verbs' configurations."""

from collections.abc import Mapping

from perfexp.config.schema import MeasureConfig, RunConfig
from perfexp.errors import ConfigError

MIN_REL_HALF_WIDTH = 1e-4
"""No clock and no machine repeats a latency more closely."""


def at_least(smallest: float, values: Mapping[str, float | None]) -> None:
    """Refuse values below ``smallest``; None is accepted.

    Raises:
        ConfigError: a value is smaller, or not a number.
    """
    for name, value in values.items():
        if value is not None and not value >= smallest:
            raise ConfigError(
                f"{name} must be at least {smallest:g}, but got {value:g}; give a larger number."
            )


def positive(values: Mapping[str, float | None]) -> None:
    """Refuse zero, negative values and what is not a number; None is accepted.

    Raises:
        ConfigError: a value is not positive.
    """
    for name, value in values.items():
        if value is not None and not value > 0:
            raise ConfigError(f"{name} must be positive, but got {value:g}; give a larger number.")


def inside(low: float, high: float, values: Mapping[str, float], meaning: str) -> None:
    """Refuse values outside of the open interval from ``low`` to ``high``.

    Raises:
        ConfigError: a value lies outside or on an end, or is not a number.
    """
    for name, value in values.items():
        if not low < value < high:
            raise ConfigError(
                f"{name} must lie between {low:g} and {high:g}, both excluded, but got {value:g}; "
                f"it is {meaning}."
            )


def one_sweep(sweep: str | None) -> None:
    """Refuse several sweeps where one can be read; None is accepted.

    Raises:
        ConfigError: the text is a list.
    """
    if sweep is not None and ("," in sweep or sweep.startswith("[")):
        raise ConfigError(
            f"sweep={sweep} names several sweeps, but it takes one; name one, or read several with "
            "perfexp.load_runs(sweep=[…])."
        )


def check(config: RunConfig) -> None:
    """Refuse what no backend could measure.

    Raises:
        ConfigError: a size, a count, a limit or a target is out of its range.
    """
    sizes = {
        "batch_size": config.batch_size,
        "input_size": config.input_size,
        "backend.threads": config.backend.threads,
        "model.classes": config.model.classes,
    }
    at_least(1, sizes)
    check_measure(config.measure)


def check_measure(measure: MeasureConfig) -> None:
    """Refuse a protocol that cannot be kept.

    Raises:
        ConfigError: a count, a limit or a target is out of its range.
    """
    numbers = {f"measure.{name}": value for name, value in vars(measure).items()}

    def of(*names: str) -> dict[str, float]:
        return {f"measure.{name}": numbers[f"measure.{name}"] for name in names}

    at_least(0, of("warmup_iterations", "warmup_s", "warmup_max_s", "min_s", "lock_wait_s"))
    at_least(0, of("round_pause_s", "calm_wait_s"))
    at_least(1, of("min_iterations", "input_buffers", "rounds"))
    at_least(measure.rounds, of("max_rounds"))
    if measure.calm_within is not None:
        positive(of("calm_within"))
    at_least(measure.min_iterations, of("max_iterations"))
    at_least(measure.warmup_s, of("warmup_max_s"))
    positive(of("budget_s", "time_limit_s"))
    for percentile in measure.percentiles:
        inside(0, 100, {"measure.percentiles": percentile}, "a percentage, as in [90,99]")
    for name in ("rel_half_width", "rounds_half_width"):
        value = numbers[f"measure.{name}"]
        if not MIN_REL_HALF_WIDTH <= value < 1:
            raise ConfigError(
                f"measure.{name} must lie between {MIN_REL_HALF_WIDTH:g} and 1, a fraction of the "
                f"median, but got {value:g}; 0.02 is ±2 %."
            )
