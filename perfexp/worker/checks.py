"""What must hold for a number to mean what its run says; the cell fails where it does not."""

from collections.abc import Mapping, Sequence

from perfexp.config.schema import BackendConfig
from perfexp.errors import BackendError, ConfigError

REPORTED = ("precision", "input_shape")
"""What every session must read back."""


def expected(config: BackendConfig, threads: int, input_shape: Sequence[int]) -> dict[str, str]:
    """What ``Session.effective`` has to report, where it reports it."""
    return {
        "precision": config.precision.value,
        "threads": str(threads),
        "training": "False",
        "gradients": "False",
        "input_shape": str(list(input_shape)),
    }


def confirm_effective(config: BackendConfig, wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Fail the cell when the runtime did not do as it was told.

    Raises:
        BackendError: a setting differs, or the session does not tell.
    """
    for what, value in wanted.items():
        if what not in found and what in REPORTED:
            raise BackendError(
                f"{config.name} on {config.device} does not report its {what}, so that {value} cannot be "
                "confirmed; make its session's effective() read it back."
            )
        if found.get(what, value) != value:
            raise BackendError(
                f"{config.name} on {config.device} reports {what} {found[what]} where {value} was asked "
                f"for; ask for {found[what]}, or use another device."
            )


def confirm_output(config: BackendConfig, shape: Sequence[int], batch_size: int) -> None:
    """Fail the cell when the output is not one row of logits an image.

    Raises:
        BackendError: the output has another shape.
    """
    if len(shape) != 2 or shape[0] != batch_size:
        raise BackendError(
            f"{config.name} on {config.device} returned an output of shape {list(shape)} where "
            f"[{batch_size}, classes] was expected; the model or its conversion does not keep the batch."
        )


def confirm_budget(batch_ms: float, budget_s: float) -> None:
    """Fail the cell when not even one batch fits the time budget.

    Raises:
        ConfigError: a batch takes longer than the budget.
    """
    if batch_ms / 1e3 > budget_s:
        raise ConfigError(
            f"measure.budget_s={budget_s:g} is shorter than one iteration: the first batch took "
            f"{batch_ms / 1e3:.3g} s; give a larger budget or a smaller batch_size."
        )
