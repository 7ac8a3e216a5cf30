"""Plain values that describe a cell's result, and the words that are stored with it.

A worker returns a Measurement or a Failure; a sweep keeps an Outcome of each.

Format history of Measurement and Failure
    1   metrics, absent, samples, effective, environment, phases
    2   certificate, attempts; labels name what ended warm-up and timing
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

FORMAT = 2
FINISHED, SKIPPED, REFUSED, LOST = "FINISHED", "SKIPPED", "REFUSED", "LOST"

OUTCOME_METRICS = ("latency_p50_ms", "latency_per_image_ms", "throughput_images_per_s", "memory_peak_mb")
OUTCOME_TAGS = ("cell_key", "model", "verdict", "parity", "family", "display_name", "host", "sweep_id")
"""The metrics and tags that an Outcome keeps of its run, for the final table and the curves."""

_SUMMARIES = {"latency_p50_ms": "{:.3f} ms", "top1": "top1 {:.2f} %"}


class RunKind(StrEnum):
    """The tag ``kind`` of a run in the store: every kind that perfexp writes."""

    CELL = "cell"
    CURVE = "curve"
    PUBLISHED = "published"
    EVALUATION = "evaluation"
    FINETUNING = "finetuning"
    ANALYSIS = "analysis"
    VALIDATION = "validation"
    SELFTEST = "selftest"
    ACTIVE = "active"
    SUPERSEDED = "superseded"


class Verdict(StrEnum):
    """The tag ``verdict``: whether the machine was quiet enough while the cell was measured."""

    CLEAN = "clean"
    TAINTED = "tainted"


class ParityVerdict(StrEnum):
    """The tag ``parity``: whether the outputs agree with the reference's."""

    OK = "ok"
    BEYOND = "beyond tolerance"


class FailureKind(StrEnum):
    """How a worker ended without a measurement."""

    REFUSED = "refused"
    RAISED = "raised"
    OUT_OF_MEMORY = "out of memory"
    KILLED = "killed by a signal"
    EXITED = "exited early"
    TIMEOUT = "time limit"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Measurement:
    """One measured cell.

    Attributes:
        metrics: name (see :mod:`perfexp.metrics`) to value, unrounded.
        absent: metric to the reason why it could not be measured.
        samples_ms: every timed batch's wall time in order, shape ``(iterations,)``.
        warmup_ms: the batches before those, including the first.
        effective: the settings that the runtime reports (threads, precision, device, shapes).
        labels: facts that are not numbers (published weights' name, stop reason, verdict, parity).
        environment: host, versions and settings that the numbers depend on.
        phases_s: the worker's wall time by phase.
        certificate: verdict, reasons and evidence, as plain values.
        attempts: the other measurements of this cell, in order, made because one was tainted.
    """

    metrics: Mapping[str, float]
    absent: Mapping[str, str]
    samples_ms: tuple[float, ...]
    warmup_ms: tuple[float, ...]
    effective: Mapping[str, str]
    labels: Mapping[str, str]
    environment: Mapping[str, str]
    phases_s: Mapping[str, float]
    certificate: Mapping[str, object] = field(default_factory=dict)
    attempts: tuple["Measurement | Failure", ...] = ()
    format: int = FORMAT

    def plain_attempts(self) -> list[dict[str, object]]:
        """Return the other attempts as plain values, for an artifact."""
        return [attempt.plain() for attempt in self.attempts]

    def plain(self) -> dict[str, object]:
        """Return what an attempt is judged by, as plain values."""
        names = ("metrics", "certificate", "samples_ms", "warmup_ms")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Failure:
    """A cell without a measurement: the kind of failure, one sentence, and the traceback if any."""

    kind: FailureKind
    message: str
    traceback: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    phases_s: Mapping[str, float] = field(default_factory=dict)
    format: int = FORMAT

    def plain(self) -> dict[str, object]:
        """Return kind and sentence as plain values."""
        return {"failure": self.kind.value, "reason": self.message}


@dataclass(frozen=True)
class Outcome:
    """How one cell of a sweep ended: one line of the final table.

    Attributes:
        status: MLflow's status of the run; SKIPPED if an earlier run is used instead, REFUSED
            if the combination describes no cell, LOST if the launcher's engine lost the job.
        reason: why the status is not FINISHED.
        metrics: those in ``OUTCOME_METRICS``; empty if nothing was measured.
        tags: those in ``OUTCOME_TAGS``.
        name: the run's name, if model, backend and batch size do not identify it.
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
    def summary(self) -> str:
        """The main metric in a few words, or the reason why there is none."""
        for metric, form in _SUMMARIES.items():
            if metric in self.metrics:
                return form.format(self.metrics[metric])
        return self.reason

    @property
    def has_numbers(self) -> bool:
        """Whether the cell was measured, in this sweep or before."""
        return self.status in (FINISHED, SKIPPED)
