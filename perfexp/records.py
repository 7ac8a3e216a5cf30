"""What a worker returns: a Measurement, or a Failure. Both are plain values.

Format history
    1   metrics, absent, samples, effective, environment, phases
    2   certificate, attempts; labels tell what ended warm-up and timing
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

FORMAT = 2


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
        warmup_ms: the batches before it, the very first included.
        effective: what the runtime says it really uses (threads, precision, device, shapes).
        labels: facts that are not numbers (published weights' name, stop reason, verdict, parity).
        environment: host, versions and settings the number depends on.
        phases_s: where the worker's wall time went.
        certificate: verdict, reasons and evidence, as plain values.
        attempts: what else was measured of this cell, in order, when it was tainted.
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
    """One cell that gave no measurement: the kind, one sentence, and the traceback if any."""

    kind: FailureKind
    message: str
    traceback: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    phases_s: Mapping[str, float] = field(default_factory=dict)
    format: int = FORMAT

    def plain(self) -> dict[str, object]:
        """Return kind and sentence as plain values."""
        return {"failure": self.kind.value, "reason": self.message}
