"""How one cell of a sweep ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FINISHED, SKIPPED, REFUSED = "FINISHED", "SKIPPED", "REFUSED"

METRICS = ("latency_p50_ms", "latency_per_image_ms", "throughput_images_per_s", "memory_peak_mb")
TAGS = ("cell_key", "model", "verdict", "parity", "family", "display_name", "host", "sweep_id")
"""What an outcome keeps of its run, for the table and the curves: a sweep keeps all its outcomes."""


@dataclass(frozen=True)
class Outcome:
    """One line of the final table.

    Attributes:
        status: MLflow's of its run; SKIPPED where an earlier run's numbers stand for it, REFUSED
            where the combination describes no cell.
        reason: why it is not FINISHED.
        metrics: of those in ``METRICS``; empty where nothing was measured.
        tags: of those in ``TAGS``.
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
