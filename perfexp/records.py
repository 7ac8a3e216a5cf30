"""Plain values that describe a cell's result, and the words that are stored with it.

A worker returns a Measurement or a Failure; a sweep keeps an Outcome of each.

Format history of Measurement and Failure
    1   metrics, absent, samples, effective, environment, phases
    2   certificate, attempts; labels name what ended warm-up and timing
    3   rounds, each of blocks between readings of the host's pace, instead of attempts
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from pathlib import PurePath
from urllib.parse import parse_qsl, urlencode

FORMAT = 3
FINISHED, SKIPPED, REFUSED, LOST = "FINISHED", "SKIPPED", "REFUSED", "LOST"

_INTERVAL = ("latency_p50_low_ms", "latency_p50_high_ms")
OUTCOME_METRICS = (
    *("latency_p50_ms", *_INTERVAL, "latency_per_image_ms", "throughput_images_per_s", "memory_peak_mb"),
)
OUTCOME_TAGS = (
    *("cell_key", "model", "verdict", "taint", "interval", "modes", "parity", "family", "display_name"),
    *("host", "sweep_id"),
)
"""The metrics and tags that an Outcome keeps of its run, for the final table and the curves."""

_SUMMARIES = {"latency_p50_ms": "{:.3f} ms", "top1": "top1 {:.2f} %"}


class RunKind(StrEnum):
    """The tag ``kind`` of a run in the store: every kind that perfexp writes."""

    CELL = "cell"
    CURVE = "curve"
    SWEEP = "sweep"
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
class Pace:
    """Wall times in ms of the probe's kernels: how fast the host is at one moment."""

    compute_ms: float
    memory_ms: float


@dataclass(frozen=True)
class Block:
    """Wall times in ms of successive batches, and the host's pace around them where it was probed."""

    samples_ms: tuple[float, ...]
    before: Pace | None = None
    after: Pace | None = None


@dataclass(frozen=True)
class Measurement:
    """One measured cell, or one round of it: what a single process measured.

    Attributes:
        metrics: name (see :mod:`perfexp.metrics`) to value, unrounded.
        absent: metric to the reason why it could not be measured.
        samples_ms: wall times of the timed batches in order, shape ``(iterations,)``; of a cell only
            those that its latency is told from.
        warmup_ms: the batches before those, including the first; of a cell those of its first round.
        effective: the settings that the runtime reports (threads, precision, device, shapes).
        labels: facts that are not numbers (published weights' name, stop reason, verdict, parity).
        environment: host, versions and settings that the numbers depend on.
        phases_s: the worker's wall time by phase.
        certificate: verdict, reasons and evidence, as plain values.
        blocks: of a round, all timed batches as they ran.
        began_s: when a round began, in s since the epoch.
        rounds: of a cell, what its processes measured, in order.
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
    blocks: tuple[Block, ...] = ()
    began_s: float = 0.0
    rounds: tuple["Measurement", ...] = ()
    format: int = FORMAT


@dataclass(frozen=True)
class Failure:
    """A cell without a measurement: the kind of failure, one sentence, and the traceback if any."""

    kind: FailureKind
    message: str
    traceback: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    phases_s: Mapping[str, float] = field(default_factory=dict)
    format: int = FORMAT


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
        variant: values of the other keys that the sweep varies.
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
    variant: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Short name for progress lines and reasons."""
        return self.name or titled(f"{self.model} {self.backend} b{self.batch_size}", self.variant)

    @property
    def summary(self) -> str:
        """The main metric in a few words, or the reason why there is none."""
        for metric, form in _SUMMARIES.items():
            if metric in self.metrics:
                half = self.half_width
                return form.format(self.metrics[metric]) + ("" if half is None else f" ± {100 * half:.1f} %")
        return self.reason

    @property
    def half_width(self) -> float | None:
        """The larger half-width of the median's interval, as a fraction; None where there is none."""
        if any(name not in self.metrics for name in _INTERVAL):
            return None
        low, high = (self.metrics[name] for name in _INTERVAL)
        centre = self.metrics["latency_p50_ms"]
        return max(high - centre, centre - low) / centre

    @property
    def tainted(self) -> bool:
        """Whether the machine was not quiet enough while the cell was measured."""
        return self.tags.get("verdict") == Verdict.TAINTED

    @property
    def has_numbers(self) -> bool:
        """Whether the cell was measured, in this sweep or before."""
        return self.status in (FINISHED, SKIPPED)


def headings(keys: Iterable[str]) -> dict[str, str]:
    """Return each swept key's short name: its last part, or all of it where two end alike."""
    parts = {key: key.rpartition(".")[2] for key in keys}
    counts = Counter(parts.values())
    return {key: part if counts[part] == 1 else key for key, part in parts.items()}


def titled(name: str, variant: Mapping[str, str]) -> str:
    """Return a run's name with the values of further swept keys; of a path, the file's name."""
    short = headings(variant)
    return " ".join([name, *(f"{short[key]}={shown(value)}" for key, value in variant.items())])


def as_text(variant: Mapping[str, str]) -> str:
    """Return the values of swept keys as ``key=value&key=value``, for one override and one tag.

    Percent signs hide what Hydra would read in it.
    """
    return urlencode(variant, safe="/,:")


def variant(text: str | None) -> dict[str, str]:
    """Return the values of swept keys that :func:`as_text` wrote; none for None."""
    return dict(parse_qsl(text or "", keep_blank_values=True))


def by_value(text: str) -> tuple[float, str]:
    """Return what sorts values of a key: numbers by their value, before text."""
    try:
        return float(text), text
    except ValueError:
        return inf, text


def shown(value: str) -> str:
    """Return the value of a swept key as names and tables show it: of a path, the file's name."""
    return PurePath(value).name or value
