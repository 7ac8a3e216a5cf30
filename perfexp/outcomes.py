"""How one cell of a sweep ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FINISHED, SKIPPED, REFUSED = "FINISHED", "SKIPPED", "REFUSED"


@dataclass(frozen=True)
class Outcome:
    """One line of the final table.

    Attributes:
        status: MLflow's of its run; SKIPPED where an earlier run's numbers stand for it, REFUSED
            where the combination describes no cell.
        reason: why it is not FINISHED.
        metrics: empty where nothing was measured.
    """

    model: str
    backend: str
    batch_size: int
    status: str
    reason: str = ""
    run_id: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Short name for progress lines and reasons."""
        return f"{self.model} {self.backend} b{self.batch_size}"

    @property
    def has_numbers(self) -> bool:
        """Whether the cell was measured, now or before."""
        return self.status in (FINISHED, SKIPPED)
