"""Types and defaults of the commands around a measurement: conf/ selects, these own them."""

from dataclasses import dataclass, field
from enum import StrEnum

from omegaconf import MISSING

from perfexp.config.schema import (
    BackendConfig,
    InputFit,
    MeasureConfig,
    ModelConfig,
    Rerun,
    SweepConfig,
    TrackingConfig,
)


class Data(StrEnum):
    """Which runs an analysis reads: our own, those imported from tables, or both."""

    measured = "measured"
    published = "published"
    both = "both"


class Accuracy(StrEnum):
    """Which accuracy charts show: the authors' for the named weights, or that of evaluations."""

    published = "published"
    measured = "measured"


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
    measured runs, or the published ones where there are no others. ``accuracy`` measured takes that of
    the experiment's evaluations, whichever ``of_sweep`` is. ``allow_*`` use runs of several
    hosts or versions as one, disturbed ones, and ones whose outputs are beyond their tolerance.
    ``output`` None means a folder of its own below ``tracking.root``/analysis.
    """

    experiment: str | None = None
    of_sweep: str | None = None
    where: str | None = None
    data: Data | None = None
    accuracy: Accuracy = Accuracy.published
    allow_mixed: bool = False
    allow_tainted: bool = False
    allow_inexact: bool = False
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
class DatasetConfig:
    """What every data set has; each adds its own fields in its module."""

    name: str = MISSING
    path: str | None = None


@dataclass
class EvaluateConfig:
    """A model with weights, on a backend, judged on labelled images.

    Preprocessing is that of the weights; another ``input_size`` than theirs resizes the shorter
    side to ``resize``, or to ``input_size`` itself, before the centre is cut out.
    ``workers`` None means one process a CPU for decoding; ``images_at_once``, rounded up
    to whole batches, are decoded, then inferred, then kept for a later resume. ``agreement``
    compares with PyTorch in f32. ``lock_wait_s`` bounds the wait for a measurement on the device.
    """

    model: ModelConfig = MISSING
    backend: BackendConfig = MISSING
    dataset: DatasetConfig = MISSING
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    weights: str = "pretrained"
    batch_size: int = 32
    input_size: int | None = None
    resize: int | None = None
    input_fit: InputFit = InputFit.strict
    workers: int | None = None
    images_at_once: int = 256
    agreement: bool = True
    lock_wait_s: float = 3600.0
    seed: int = 0
    experiment: str | None = None
    sweep: SweepConfig = field(default_factory=lambda: SweepConfig(rerun=Rerun.all))


@dataclass
class FinetuneConfig:
    """A network with ImageNet's weights, trained on to tell ``model.classes`` classes apart.

    Every tensor is trained, with AdamW and a one-cycle schedule. A stratified ``validation`` share
    of the images is held out; training ends after ``epochs``, or when the loss on it has not
    fallen for ``patience`` epochs, and the weights of the best epoch are kept.
    """

    model: ModelConfig = MISSING
    dataset: DatasetConfig = MISSING
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    weights: str = "pretrained"
    input_size: int | None = 32
    resize: int | None = None
    device: str = "cpu"
    epochs: int = 20
    patience: int = 4
    learning_rate: float = 3e-4
    weight_decay: float = 0.01
    batch_size: int = 64
    validation: float = 0.15
    workers: int | None = None
    seed: int = 0
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
    images per second, ``min_top1`` in percent, as published. ``models`` are considered, with or
    without runs; by default all that have some.
    """

    max_latency_ms: float | None = None
    percentile: int = 50
    min_throughput: float | None = None
    min_top1: float | None = None
    max_memory_mb: float | None = None
    models: list[str] = field(default_factory=list)
    batch_sizes: list[int] = field(default_factory=lambda: [1, 2, 4, 8, 16, 32, 64])
    coverage: float = 0.9
    experiment: str | None = None
    of_sweep: str | None = None
    where: str | None = None
    allow_mixed: bool = False
    seed: int = 0
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
