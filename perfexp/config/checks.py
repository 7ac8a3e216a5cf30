"""What no backend could measure is refused, before anything is."""

from perfexp.config.schema import MeasureConfig, RunConfig
from perfexp.errors import ConfigError

MIN_REL_HALF_WIDTH = 1e-4
"""No clock and no machine repeats a latency more closely."""


def check(config: RunConfig) -> None:
    """Refuse what no backend could do.

    Raises:
        ConfigError: a size, a count, a limit or a target is out of its range.
    """
    measure = config.measure
    at_least = (
        ("batch_size", config.batch_size, 1),
        ("input_size", config.input_size, 1),
        ("backend.threads", config.backend.threads, 1),
        ("measure.warmup_iterations", measure.warmup_iterations, 0),
        ("measure.min_iterations", measure.min_iterations, 1),
        ("measure.max_iterations", measure.max_iterations, measure.min_iterations),
        ("measure.input_buffers", measure.input_buffers, 1),
        ("measure.retry_tainted", measure.retry_tainted, 0),
    )
    for name, value, least in at_least:
        if value is not None and value < least:
            raise ConfigError(f"{name} must be at least {least}, but got {value}; give a larger number.")
    for name in ("budget_s", "time_limit_s"):
        if not getattr(measure, name) > 0:
            raise ConfigError(
                f"measure.{name} must be positive, but got {getattr(measure, name)}; give seconds."
            )
    for name in ("warmup_s", "warmup_max_s", "min_s", "lock_wait_s"):
        if not getattr(measure, name) >= 0:
            raise ConfigError(
                f"measure.{name} must not be negative, but got {getattr(measure, name)}; give seconds."
            )
    _check_targets(measure)


def _check_targets(measure: MeasureConfig) -> None:
    if not MIN_REL_HALF_WIDTH <= measure.precision < 1:
        raise ConfigError(
            f"measure.precision must lie between {MIN_REL_HALF_WIDTH:g} and 1, a fraction of the median that "
            f"its interval may reach to either side, but got {measure.precision}; 0.02 is ±2 %."
        )
    if measure.warmup_max_s < measure.warmup_s:
        raise ConfigError(
            f"measure.warmup_max_s must be at least measure.warmup_s={measure.warmup_s}, but got "
            f"{measure.warmup_max_s}; raise the one or lower the other."
        )
    for percentile in measure.percentiles:
        if not 0 < percentile < 100:
            raise ConfigError(
                f"measure.percentiles must lie between 0 and 100, both excluded, but got {percentile}; "
                "give percent, as in [90,99]."
            )
