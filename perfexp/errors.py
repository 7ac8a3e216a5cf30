"""Every error that perfexp raises on purpose, and the exit codes of its verbs.

    PerfexpError
    ├── ConfigError      a value in the configuration cannot be used
    ├── ModelError       no such model, input size it cannot take, weights that do not fit
    ├── BackendError     missing framework or device, a setting the runtime did not accept
    ├── DataError        images or labels that are missing, or do not fit each other or the model
    ├── CacheError       the cache below mlruns/ cannot be written or read
    ├── TrackingError    the MLflow store is missing, locked, read-only or does not answer
    ├── LaunchError      a job that the launcher lost, or that could not run on its node
    ├── NothingToDo      no run, table line or sweep matches what was requested
    └── NotMet           the work was done, and its result is a no

A message is one sentence: what was wrong, what was found, what to do.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from enum import IntEnum
from typing import ClassVar

MAX_LISTED = 12
"""A message names no more names than these."""


class Exit(IntEnum):
    """Exit codes, the same for all verbs."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    STORE = 3
    NOTHING_TO_DO = 4
    INTERRUPTED = 130
    TERMINATED = 143


class PerfexpError(Exception):
    """Base of all errors that the user can solve."""

    exit_code: ClassVar[Exit] = Exit.USAGE


class ConfigError(PerfexpError):
    """A value in the configuration cannot be used."""


class ModelError(PerfexpError):
    """A model cannot be found, built, or fed."""


class BackendError(PerfexpError):
    """A backend cannot be found, or refuses a setting."""


class DataError(PerfexpError):
    """Images or labels are missing, or do not fit each other or the model."""


class CacheError(PerfexpError):
    """The cache below mlruns/ cannot be written or read."""

    exit_code = Exit.FAILED


class TrackingError(PerfexpError):
    """The MLflow store cannot be used."""

    exit_code = Exit.STORE


class CellFailed(PerfexpError):
    """A cell could not be measured; its FAILED run holds the reason."""

    exit_code = Exit.FAILED


class LaunchError(PerfexpError):
    """The launcher lost a job, or its node cannot run it."""

    exit_code = Exit.FAILED


class NothingToDo(PerfexpError):
    """Nothing matches what was requested."""

    exit_code = Exit.NOTHING_TO_DO


class NotMet(PerfexpError):
    """The result is a no: no choice keeps to the limits, or a requested condition does not hold."""

    exit_code = Exit.FAILED


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return the known names closest to ``name``, as the end of a sentence."""
    choices = sorted(known)
    close = get_close_matches(name, choices, n=count, cutoff=0.4)
    if close:
        return f"the nearest are {', '.join(close)}"
    return f"known are {listed(choices)}"


def listed(names: Sequence[str], most: int = MAX_LISTED, separator: str = ", ", rest: str = "others") -> str:
    """Return the names for a sentence; of more than ``most`` the first, and how many are left."""
    shown = separator.join(names[:most])
    return f"{shown} and {len(names) - most:,} {rest}" if len(names) > most else shown


def first_line(error: Exception) -> str:
    """Return the first line of the error's message that does not only introduce others, ending in a colon.

    An error without a message has its type's name.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if not line.endswith(":")), lines[0])


def one_line(text: str) -> str:
    """Return the text without line breaks."""
    return " ".join(text.split())
