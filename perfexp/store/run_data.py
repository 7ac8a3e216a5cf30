"""A run before it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PARAM_LIMIT, TAG_LIMIT = 6000, 8000
"""Characters that MLflow keeps of a value; it would cut the rest silently, or refuse."""


@dataclass(frozen=True)
class RunData:
    """All of one run before it is written; times in ms since the epoch.

    Attributes:
        metrics: name, value and step.
        files: artifacts by name.
        paths: files that become artifacts, each with its artifact folder (empty for the top).
    """

    name: str
    status: str
    started_ms: int
    metrics: Sequence[tuple[str, float, int]]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    paths: Sequence[tuple[str, Path]] = ()
