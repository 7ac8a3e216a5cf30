"""The content of a run before it is written."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perfexp.config.schema import Cell
from perfexp.metrics import name_of
from perfexp.records import OUTCOME_TAGS, Outcome

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

    def outcome(
        self, cell: Cell, run_id: str | None, metrics: Container[str], name: str | None = None
    ) -> Outcome:
        """Return how the cell of this run ended: a line of a table with those of its metrics."""
        return Outcome(
            model=cell.model.name,
            backend=cell.backend.name,
            batch_size=cell.batch_size,
            status=self.status,
            reason=self.tags.get("reason", ""),
            run_id=run_id,
            metrics={name_of(key): value for key, value, _ in self.metrics if name_of(key) in metrics},
            tags={key: self.tags[key] for key in OUTCOME_TAGS if key in self.tags},
            name=name,
        )
