"""The content of a run before it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PARAM_LIMIT, TAG_LIMIT = 6000, 8000
"""Characters that MLflow stores of a value; it silently drops the rest, or refuses the value."""


@dataclass(frozen=True)
class RunData:
    """The content of one run; times in ms since the epoch.

    Attributes:
        metrics: name, value and step.
        files: artifacts by name.
        paths: files that become artifacts, each with its artifact folder ("" for the top).
    """

    name: str
    status: str
    started_ms: int
    metrics: Sequence[tuple[str, float, int]]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    paths: Sequence[tuple[str, Path]] = ()
