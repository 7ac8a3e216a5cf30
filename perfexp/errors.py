"""Every error perfexp raises on purpose.

    PerfexpError
    ├── ConfigError      a value in the configuration cannot be used
    ├── ModelError       no such model, input size it cannot take, weights that do not fit
    ├── BackendError     missing framework or device, a setting the runtime did not accept
    ├── DataError        images or labels that are missing, or do not fit each other or the model
    ├── CacheError       the cache below mlruns/ cannot be written or read
    ├── TrackingError    the MLflow store is missing, locked, read-only or does not answer
    └── LaunchError      a job that the engine of a sweep lost, or could not run on its node

A message is one sentence: what was wrong, what was found, what to do.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class PerfexpError(Exception):
    """Base of all errors that are the user's to solve."""


class ConfigError(PerfexpError):
    """A value in the configuration cannot be used."""


class ModelError(PerfexpError):
    """A model cannot be found, built, or fed."""


class BackendError(PerfexpError):
    """A backend cannot be found, or refuses what was asked."""


class DataError(PerfexpError):
    """Images or labels are missing, or do not fit each other or the model."""


class CacheError(PerfexpError):
    """The cache below mlruns/ cannot be written or read."""


class TrackingError(PerfexpError):
    """The MLflow store cannot be used."""


class LaunchError(PerfexpError):
    """A job was lost by the engine that ran it, or its node cannot run it."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """The known names closest to ``name``, as the end of a sentence."""
    choices = sorted(known)
    close = get_close_matches(name, choices, n=count, cutoff=0.4)
    if close:
        return f"the nearest are {', '.join(close)}"
    return f"known are {', '.join(choices)}"
