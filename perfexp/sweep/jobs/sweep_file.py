"""What a sweep's file sweeps, as overrides that might have been typed."""

from collections.abc import Mapping

from omegaconf import ListConfig

from perfexp.config import precheck
from perfexp.config.overrides import quoted
from perfexp.errors import ConfigError


def texts(mapping: Mapping[str, object]) -> dict[str, str]:
    """Return the values as they would be typed."""
    return {key: text(value) for key, value in mapping.items()}


def text(value: object) -> str:
    """Return a value as it would be typed: a list as its values between commas."""
    if isinstance(value, list | ListConfig):
        return ",".join(quoted(one) if "," in one else one for one in map(text, value))
    return "null" if value is None else str(value)


def as_typed(kind: type, params: Mapping[str, str]) -> list[str]:
    """Return the overrides, checked and quoted as those of the command line are.

    Raises:
        ConfigError: a key, a preset or a value that cannot be.
    """
    overrides = [f"{key}={value}" for key, value in params.items()]
    try:
        precheck.check(kind, ["--multirun", *overrides])
    except ConfigError as error:
        raise ConfigError(f"In hydra.sweeper.params or grids of the sweep: {error}") from error
    return [precheck.for_hydra(kind, one, several=True) for one in overrides]
