"""How one cell of a sweep ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FINISHED, SKIPPED, REFUSED, LOST = "FINISHED", "SKIPPED", "REFUSED", "LOST"

METRICS = ("latency_p50_ms", "latency_per_image_ms", "throughput_images_per_s", "memory_peak_mb")
TAGS = ("cell_key", "model", "verdict", "parity", "family", "display_name", "host", "sweep_id")
"""What an outcome keeps of its run, for the table and the curves: a sweep keeps all its outcomes."""

_TOLD = {"latency_p50_ms": "{:.3f} ms", "top1": "top1 {:.2f} %"}


@dataclass(frozen=True)
class Outcome:
    """One line of the final table.

    Attributes:
        status: MLflow's of its run; SKIPPED where an earlier run's numbers stand for it, REFUSED
            where the combination describes no cell, LOST where the launcher's engine lost the job.
        reason: why it is not FINISHED.
        metrics: of those that the final table shows; empty where nothing was measured.
        tags: of those in ``TAGS``.
        name: of its run, where model, backend and batch size do not tell it from the others.
    """

    model: str
    backend: str
    batch_size: int
    status: str
    reason: str = ""
    run_id: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None

    @property
    def title(self) -> str:
        """Short name for progress lines and reasons."""
        return self.name or f"{self.model} {self.backend} b{self.batch_size}"

    @property
    def told(self) -> str:
        """Its number in a few words, or the reason why there is none."""
        for metric, form in _TOLD.items():
            if metric in self.metrics:
                return form.format(self.metrics[metric])
        return self.reason

    @property
    def has_numbers(self) -> bool:
        """Whether the cell was measured, now or before."""
        return self.status in (FINISHED, SKIPPED)
