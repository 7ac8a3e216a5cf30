"""Types and defaults of everything in conf/. YAML selects values; these own them."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum

from omegaconf import MISSING

from perfexp.errors import ConfigError


class InputFit(StrEnum):
    """What to do when an architecture cannot take ``input_size``."""

    strict = "strict"
    grow = "grow"


class Precision(StrEnum):
    """Arithmetic of the weights and activations."""

    f32 = "f32"
    bf16 = "bf16"
    f16 = "f16"


@dataclass
class ModelConfig:
    """A network: the library it comes from and its name there.

    ``min_input_size`` is the smallest square input a sweep may grow to with
    ``input_fit=grow``; the architecture's own limit is checked besides.
    """

    source: str = MISSING
    name: str = MISSING
    display_name: str | None = None
    family: str | None = None
    min_input_size: int = 1


@dataclass
class BackendConfig:
    """What every backend understands; each adds its own fields in its module.

    ``threads`` None means one per CPU this process may run on.
    """

    name: str = MISSING
    device: str = "cpu"
    precision: Precision = Precision.f32
    threads: int | None = None


@dataclass
class MeasureConfig:
    """Warm-up, number of iterations and limits.

    Warm-up ends when both ``warmup_iterations`` and ``warmup_s`` are reached; timing ends at
    ``max_iterations``, or when ``min_iterations`` and ``budget_s`` are both reached.
    ``input_buffers`` different inputs are used in turn, so that none stays in the cache.
    """

    protocol: str = "default"
    warmup_iterations: int = 3
    warmup_s: float = 0.5
    min_iterations: int = 10
    max_iterations: int = 5000
    budget_s: float = 3.0
    input_buffers: int = 4
    time_limit_s: float = 600.0


@dataclass
class TrackingConfig:
    """Where runs go. ``uri`` None: MLFLOW_TRACKING_URI, else SQLite below ``root``."""

    uri: str | None = None
    root: str = "mlruns"


@dataclass
class SweepConfig:
    """Set by the sweeper: which sweep a cell belongs to."""

    id: str | None = None
    name: str | None = None
    total: int = 1


@dataclass
class RunConfig:
    """One cell, and where its run goes."""

    model: ModelConfig = MISSING
    backend: BackendConfig = MISSING
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    in_sweep: SweepConfig = field(default_factory=SweepConfig)
    batch_size: int = 1
    input_size: int | None = None
    input_fit: InputFit = InputFit.strict
    weights: str = "random"
    seed: int = 0
    experiment: str | None = None


class Data(StrEnum):
    """Which runs an analysis reads: our own, those imported from tables, or both."""

    measured = "measured"
    published = "published"
    both = "both"


@dataclass
class SourceConfig:
    """What every published table has; each source adds its own fields in its module."""

    name: str = MISSING


@dataclass
class ImportConfig:
    """A published table, and the experiment that its rows go into."""

    source: SourceConfig = MISSING
    path: str | None = None
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    experiment: str | None = None


@dataclass
class AnalyzeConfig:
    """Which runs are analysed, and where the report goes.

    ``of_sweep`` is typed as ``sweep=``, which in a config names a group. ``data`` None means
    measured runs, or the published ones where there are no others. ``output`` None means a folder
    of its own below ``tracking.root``/analysis.
    """

    experiment: str | None = None
    of_sweep: str | None = None
    where: str | None = None
    data: Data | None = None
    allow_mixed: bool = False
    output: str | None = None
    title: str | None = None
    seed: int = 0
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


@dataclass
class SelftestConfig:
    """Waits of known length, in ms a batch, each measured ``repeats`` times."""

    latencies_ms: list[float] = field(default_factory=lambda: [0.1, 1.0, 10.0, 100.0])
    repeats: int = 3
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    experiment: str | None = None


@dataclass
class PredictConfig:
    """A cell nobody measured, or with ``validate`` the worth of such predictions.

    ``on_backend`` is a name as the runs have it (written ``backend=`` on the command line); None
    takes every backend they have.
    ``coverage`` is the share of cells that intervals hold. ``strict`` refuses a query outside
    the support. ``output`` None means a folder of its own below ``tracking.root``/prediction.
    """

    model: ModelConfig = MISSING
    on_backend: str | None = None
    batch_size: int = 1
    input_size: int | None = None
    validate: bool = False
    coverage: float = 0.9
    strict: bool = False
    experiment: str | None = None
    of_sweep: str | None = None
    where: str | None = None
    allow_mixed: bool = False
    output: str | None = None
    seed: int = 0
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


@dataclass
class PlanConfig:
    """Limits that a model on a backend at a batch size must keep to; None asks for nothing.

    ``percentile`` is that of the latency limited by ``max_latency_ms``; ``min_throughput`` is in
    images per second, ``min_top1`` in percent, as published.
    """

    max_latency_ms: float | None = None
    percentile: int = 50
    min_throughput: float | None = None
    min_top1: float | None = None
    max_memory_mb: float | None = None
    batch_sizes: list[int] = field(default_factory=lambda: [1, 2, 4, 8, 16, 32, 64])
    coverage: float = 0.9
    experiment: str | None = None
    of_sweep: str | None = None
    where: str | None = None
    allow_mixed: bool = False
    seed: int = 0
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


@dataclass(frozen=True)
class Cell:
    """What a worker needs to measure one cell: a plain value, sent over a pipe.

    ``input_size`` None means the model's own; ``cache_dir`` is absolute.
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

    @property
    def title(self) -> str:
        """Short name for tables and the runs list."""
        return f"{self.model.name} {self.backend.name} b{self.batch_size}"

    def choices(self) -> dict[str, object]:
        """Every choice that decides the number, flattened: ``{"model.name": "resnet18", …}``."""
        return flatten({k: v for k, v in asdict(self).items() if k != "cache_dir"})


def flatten(tree: dict[str, object], prefix: str = "") -> dict[str, object]:
    """Nested dictionaries as one, keys joined by dots."""
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def check(config: RunConfig) -> None:
    """Refuse what no backend could do.

    Raises:
        ConfigError: a size, a count or a limit is out of its range.
    """
    measure = config.measure
    at_least = (
        ("batch_size", config.batch_size, 1),
        ("input_size", config.input_size, 1),
        ("backend.threads", config.backend.threads, 1),
        ("measure.warmup_iterations", measure.warmup_iterations, 0),
        ("measure.min_iterations", measure.min_iterations, 1),
        ("measure.max_iterations", measure.max_iterations, measure.min_iterations),
        ("measure.input_buffers", measure.input_buffers, 1),
    )
    for name, value, least in at_least:
        if value is not None and value < least:
            raise ConfigError(f"{name} must be at least {least}, but got {value}; give a larger number.")
    for name, seconds in (("budget_s", measure.budget_s), ("time_limit_s", measure.time_limit_s)):
        if not seconds > 0:
            raise ConfigError(f"measure.{name} must be positive, but got {seconds}; give seconds.")
