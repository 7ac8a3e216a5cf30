"""Types and defaults of everything in conf/. YAML selects values; these own them."""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

from omegaconf import MISSING


class InputFit(StrEnum):
    """What to do when an architecture cannot take ``input_size``."""

    strict = "strict"
    grow = "grow"


class Precision(StrEnum):
    """Arithmetic of the weights and activations; int8 is quantised after training."""

    f32 = "f32"
    bf16 = "bf16"
    f16 = "f16"
    int8 = "int8"


@dataclass
class ModelConfig:
    """A network: the library it comes from and its name there.

    ``min_input_size`` is the smallest square input a sweep may grow to with
    ``input_fit=grow``; the architecture's own limit is checked besides. ``classes`` is the
    number of its outputs.
    """

    source: str = MISSING
    name: str = MISSING
    display_name: str | None = None
    family: str | None = None
    min_input_size: int = 1
    classes: int = 1000


@dataclass
class BackendConfig:
    """What every backend understands; each adds its own fields in its module.

    ``threads`` None means one per CPU this process may run on.
    """

    name: str = MISSING
    device: str = "cpu"
    precision: Precision = Precision.f32
    threads: int | None = None


class Protocol(StrEnum):
    """``adaptive`` stops when the median is precise; ``study`` times ten batches after the first."""

    adaptive = "adaptive"
    study = "study"


class Start(StrEnum):
    """How a worker begins: forked from a server that has the heavy imports, or anew."""

    forked = "forked"
    spawned = "spawned"


@dataclass
class MeasureConfig:
    """Warm-up, stop rule and limits.

    Warm-up ends when latency is stable, but not before ``warmup_iterations`` and ``warmup_s``
    and not after ``warmup_max_s``. Timing ends when the 95 % interval of the median lies within
    ±``precision`` (a fraction of it), but not before ``min_iterations`` and ``min_s``; or at
    ``budget_s``, but not before ``min_iterations``; or at ``max_iterations``.
    ``percentiles`` are logged beside the median where the samples support them.
    ``input_buffers`` different inputs are used in turn, so that none stays in the cache.
    ``lock_wait_s`` bounds the wait for another measurement on the device, ``retry_tainted`` is
    how many times more a cell is measured whose certificate is tainted. ``start`` ``spawned``
    costs some 4 s of imports a cell, and reads up to 3 % less for small models on PyTorch, whose
    memory then shares nothing with another process.
    """

    protocol: Protocol = Protocol.adaptive
    precision: float = 0.02
    percentiles: list[float] = field(default_factory=lambda: [90.0, 95.0, 99.0])
    warmup_iterations: int = 3
    warmup_s: float = 0.2
    warmup_max_s: float = 5.0
    min_iterations: int = 10
    min_s: float = 0.5
    max_iterations: int = 5000
    budget_s: float = 10.0
    input_buffers: int = 4
    retry_tainted: int = 0
    start: Start = Start.forked
    lock_wait_s: float = 3600.0
    time_limit_s: float = 600.0


@dataclass
class TrackingConfig:
    """Where runs go. ``uri`` None: MLFLOW_TRACKING_URI, else SQLite below ``root``."""

    uri: str | None = None
    root: str = "mlruns"


class Rerun(StrEnum):
    """Which cells a sweep measures again: what failed, also what is tainted, or everything."""

    failed = "failed"
    tainted = "tainted"
    all = "all"


@dataclass
class SweepConfig:
    """Which finished cells a sweep measures again; the rest is set by the sweeper.

    ``grid`` names what is swept, so that the same sweep is known again.
    """

    rerun: Rerun = Rerun.failed
    id: str | None = None
    name: str | None = None
    grid: str | None = None

    def tags(self) -> dict[str, str]:
        """Return the tags that tie a run to its sweep; none outside a sweep."""
        named = {"sweep_id": self.id, "sweep": self.name or "sweep", "sweep_grid": self.grid}
        return {name: value for name, value in named.items() if value} if self.id else {}


@dataclass
class RunConfig:
    """One cell, and where its run goes."""

    model: ModelConfig = MISSING
    backend: BackendConfig = MISSING
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    batch_size: int = 1
    input_size: int | None = None
    input_fit: InputFit = InputFit.strict
    weights: str = "random"
    seed: int = 0
    experiment: str | None = None


@dataclass(frozen=True)
class Cell:
    """What a worker needs to measure one cell: a plain value, sent over a pipe.

    ``input_size`` None means the model's own; ``cache_dir`` is absolute. ``calibration`` names kept
    images that int8 is calibrated with; None means the cell's own random ones.
    """

    model: ModelConfig
    backend: BackendConfig
    measure: MeasureConfig
    batch_size: int
    input_size: int | None
    input_fit: InputFit
    weights: str
    seed: int
    cache_dir: str
    calibration: str | None = None

    @property
    def title(self) -> str:
        """Short name for tables and the runs list."""
        return f"{self.model.name} {self.backend.name} b{self.batch_size}"

    def choices(self) -> dict[str, object]:
        """Every choice that decides the number, flattened: ``{"model.name": "resnet18", …}``."""
        without = {"cache_dir"} if self.backend.precision == Precision.int8 else {"cache_dir", "calibration"}
        return flatten({k: v for k, v in asdict(self).items() if k not in without})


def flatten(tree: dict[str, object], prefix: str = "") -> dict[str, object]:
    """Nested dictionaries as one, keys joined by dots."""
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def as_protocol(measure: MeasureConfig) -> MeasureConfig:
    """The plan that its protocol stands for; the study's is fixed, whatever else was chosen."""
    if measure.protocol == Protocol.adaptive:
        return measure
    return replace(
        measure, warmup_iterations=0, warmup_s=0.0, warmup_max_s=0.0, min_iterations=10, max_iterations=10
    )
