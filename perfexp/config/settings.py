"""Options of the verbs around a measurement."""

from dataclasses import dataclass

from omegaconf import MISSING

from perfexp.config.schema import (
    Accuracy,
    BackendConfig,
    Data,
    InputFit,
    MeasureConfig,
    ModelConfig,
    Rerun,
    SweepConfig,
    TrackingConfig,
    option,
)
from perfexp.plugins import BACKENDS, DATASETS, TABLES

_EXPERIMENT = "MLflow experiment; null: MLFLOW_EXPERIMENT_NAME, else perfexp"


@dataclass
class SourceConfig:
    """What every published table has; each layout adds fields in its module."""

    name: str = MISSING


@dataclass
class DatasetConfig:
    """What every data set has; each adds fields in its module."""

    name: str = MISSING
    path: str | None = option(None, "folder of the images")


@dataclass
class AnalyzeConfig:
    """Which runs are analysed, and where the report goes."""

    experiment: str | None = option(None, _EXPERIMENT)
    sweep: str | None = option(None, "id or name of a sweep; null: all runs of the experiment")
    where: str | None = option(None, "pandas query over the runs' columns, as in batch_size <= 8")
    allow_mixed: bool = option(False, "use runs of several hosts or versions as one")
    data: Data | None = option(None, "null: measured runs, or published ones where there are no others")
    accuracy: Accuracy = option(Accuracy.published, "which accuracy charts show; measured: of evaluations")
    allow_tainted: bool = option(False, "use runs that were disturbed")
    allow_inexact: bool = option(False, "use runs whose outputs are beyond the tolerance of their precision")
    output: str | None = option(None, "folder of the report; null: one below tracking.root/analysis")
    title: str | None = option(None, "of the report")
    seed: int = option(0, "of the clustering and resampling")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


@dataclass
class ImportConfig:
    """A published table, and the experiment that its rows go into."""

    source: SourceConfig = option(MISSING, "layout of the table: study, timm or csv", plugins=TABLES)
    path: str | None = option(None, "file or folder of the table")
    experiment: str | None = option(None, "MLflow experiment; null: published-TABLE")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


@dataclass
class SelftestConfig:
    """Waits of known length, each measured several times."""

    latencies_ms: list[float] = option([0.1, 1.0, 10.0, 100.0], "waits to measure, ms a batch")
    repeats: int = option(3, "measurements of each wait")
    experiment: str | None = option(None, "MLflow experiment; null: perfexp-selftest")
    measure: MeasureConfig = option(MeasureConfig(), "preset: default, quick, study", choose="default")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


@dataclass
class EvaluateConfig:
    """A model with weights, on a backend, judged on labelled images.

    Preprocessing is that of the weights; another ``input_size`` than theirs resizes the shorter
    side to ``resize``, or to ``input_size`` itself, before the centre is cut out.
    """

    model: ModelConfig = option(
        MISSING, "preset in conf/model; torchvision or timm with model.name=", choose="squeezenet1_1"
    )
    backend: BackendConfig = option(MISSING, "torch, openvino", choose="torch", plugins=BACKENDS)
    dataset: DatasetConfig = option(MISSING, "labelled images", choose="imagenette", plugins=DATASETS)
    weights: str = option("pretrained", "pretrained, random, a checkpoint's path or runs:/RUN/PATH")
    batch_size: int = option(32, "images in a batch")
    input_size: int | None = option(None, "height and width in pixels; the model's own if null")
    resize: int | None = option(None, "shorter side before the centre is cut out, pixels")
    input_fit: InputFit = option(InputFit.strict, "grow: take the architecture's minimum where it is larger")
    workers: int | None = option(None, "processes that decode; one for each usable CPU if null")
    images_at_once: int = option(256, "images decoded, then inferred, then kept for a later resume")
    agreement: bool = option(True, "compare the logits with PyTorch in f32")
    lock_wait_s: float = option(3600.0, "longest wait for a measurement on the device")
    seed: int = option(0, "of random weights and of int8's calibration images")
    experiment: str | None = option(None, _EXPERIMENT)
    sweep: SweepConfig = option(SweepConfig(rerun=Rerun.all), "", internal=True)
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


@dataclass
class DeviceConfig:
    """Where a network is trained."""

    device: str = option("cpu", "cpu, cuda, cuda:1 or mps")


@dataclass
class FinetuneConfig:
    """A network with ImageNet's weights, trained on to tell ``model.classes`` classes apart."""

    model: ModelConfig = option(
        MISSING, "preset in conf/model; torchvision or timm with model.name=", choose="squeezenet1_1"
    )
    dataset: DatasetConfig = option(MISSING, "labelled images", choose="digits", plugins=DATASETS)
    weights: str = option("pretrained", "pretrained, random, a checkpoint's path or runs:/RUN/PATH")
    input_size: int | None = option(32, "height and width in pixels; the model's own if null")
    resize: int | None = option(None, "shorter side before the centre is cut out, pixels")
    backend: DeviceConfig = option(DeviceConfig(), "")
    epochs: int = option(20, "most passes over the images")
    patience: int = option(4, "epochs without a lower held-out loss after which training ends")
    learning_rate: float = option(3e-4, "highest rate of the one-cycle schedule of AdamW")
    weight_decay: float = option(0.01, "of AdamW")
    batch_size: int = option(64, "images in a batch")
    validation: float = option(0.15, "share of the images that is held out, of each class")
    workers: int | None = option(None, "processes that decode; one for each usable CPU if null")
    seed: int = option(0, "of the split, the shuffling and the new head")
    experiment: str | None = option(None, _EXPERIMENT)
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


@dataclass
class PredictConfig:
    """A cell that nobody measured, or with ``validate`` the worth of such predictions."""

    model: ModelConfig = option(
        MISSING, "preset in conf/model; torchvision or timm with model.name=", choose="resnet50"
    )
    backend: str | None = option(None, "name as the runs have it; null: every backend they have")
    batch_size: int = option(1, "images in a batch")
    input_size: int | None = option(
        None, "height and width in pixels; null: as the runs, else the model's own"
    )
    validate: bool = option(False, "hold models, families and batch sizes out, and show the errors")
    coverage: float = option(0.9, "share of cells that the intervals hold")
    strict: bool = option(False, "refuse a cell outside of what was measured")
    experiment: str | None = option(None, _EXPERIMENT)
    sweep: str | None = option(None, "id or name of a sweep; null: all runs of the experiment")
    where: str | None = option(None, "pandas query over the runs' columns, as in batch_size <= 8")
    allow_mixed: bool = option(False, "use runs of several hosts or versions as one")
    output: str | None = option(None, "folder of a validation; null: one below tracking.root/prediction")
    seed: int = option(0, "of the fits")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


@dataclass
class PlanConfig:
    """Limits that a model on a backend at a batch size must keep to; null sets no limit."""

    max_latency_ms: float | None = option(None, "limit of a batch's latency, ms")
    percentile: int = option(50, "of the latency that is limited")
    min_throughput: float | None = option(None, "limit of the throughput, images/s")
    min_top1: float | None = option(None, "limit of the published top-1 accuracy, %")
    max_memory_mb: float | None = option(None, "limit of the peak memory, MB")
    models: list[str] = option([], "models to consider, with or without runs; all that have runs if empty")
    batch_sizes: list[int] = option([1, 2, 4, 8, 16, 32, 64], "batch sizes to consider")
    coverage: float = option(0.9, "share of cells that the intervals hold")
    experiment: str | None = option(None, _EXPERIMENT)
    sweep: str | None = option(None, "id or name of a sweep; null: all runs of the experiment")
    where: str | None = option(None, "pandas query over the runs' columns, as in batch_size <= 8")
    allow_mixed: bool = option(False, "use runs of several hosts or versions as one")
    seed: int = option(0, "of the fits")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")
