"""Checks that a measurement is of what its run states; a cell that fails one has no result."""

from collections.abc import Sequence

from perfexp.config.schema import BackendConfig
from perfexp.errors import BackendError, ConfigError

REPORTED = ("precision", "input_shape")
"""Settings that every session must report."""


def confirm_effective(
    config: BackendConfig, threads: int, input_shape: Sequence[int], actual: dict[str, str]
) -> dict[str, str]:
    """Return ``actual``, what ``Session.effective`` reports, if these are the requested settings.

    Raises:
        BackendError: a setting differs, or the session does not report it.
    """
    expected = {
        "precision": config.precision.value,
        "threads": str(threads),
        "training": "False",
        "gradients": "False",
        "input_shape": str(list(input_shape)),
    }
    for what, value in expected.items():
        if what not in actual and what in REPORTED:
            raise BackendError(
                f"{config.name} on {config.device} does not report its {what}, so that {value} cannot be "
                "confirmed; make its session's effective() read it back."
            )
        if actual.get(what, value) != value:
            raise BackendError(
                f"{config.name} on {config.device} reports {what} {actual[what]} where {value} was "
                f"requested; request {actual[what]}, or use another device."
            )
    return actual


def confirm_output(config: BackendConfig, shape: Sequence[int], batch_size: int) -> None:
    """Check that the output is one row of logits per image.

    Raises:
        BackendError: the output has another shape.
    """
    if len(shape) != 2 or shape[0] != batch_size:
        raise BackendError(
            f"{config.name} on {config.device} returned an output of shape {list(shape)} where "
            f"[{batch_size}, classes] was expected; the model or its conversion does not keep the batch."
        )


def confirm_budget(batch_ms: float, budget_s: float) -> None:
    """Check that at least one batch fits the time budget.

    Raises:
        ConfigError: a batch takes longer than the budget.
    """
    if batch_ms / 1e3 > budget_s:
        raise ConfigError(
            f"measure.budget_s={budget_s:g} is shorter than one iteration: the first batch took "
            f"{batch_ms / 1e3:.3g} s; give a larger budget or a smaller batch_size."
        )
