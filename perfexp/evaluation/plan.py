"""From a configuration to what will be evaluated; bad input is reported here, before anything starts."""

import math
from dataclasses import dataclass, replace

from omegaconf import MISSING

from perfexp import cell as cells
from perfexp.cache import Cache, digest
from perfexp.config import checks
from perfexp.config.options import option
from perfexp.config.schema import (
    EXPERIMENT,
    BackendConfig,
    Cell,
    InputFit,
    MeasureConfig,
    ModelConfig,
    Precision,
    Rerun,
    SweepConfig,
    TrackingConfig,
)
from perfexp.environment import usable_cpus, version
from perfexp.errors import ConfigError, DataError
from perfexp.evaluation import datasets
from perfexp.evaluation.datasets.base import Dataset, DatasetConfig
from perfexp.models import network, sources
from perfexp.models.base import Preprocessing
from perfexp.models.images import CALIBRATION_IMAGES
from perfexp.models.network import Network
from perfexp.plugins import BACKENDS, DATASETS
from perfexp.store import artifacts


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
    time_limit_s: float = option(600.0, "longest wait for the logits of a batch, and for the network to load")
    seed: int = option(0, "of random weights and of int8's calibration images")
    experiment: str | None = option(None, EXPERIMENT)
    sweep: SweepConfig = option(SweepConfig(rerun=Rerun.all), "", internal=True)
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


@dataclass(frozen=True)
class Plan:
    """What is evaluated, and how.

    Attributes:
        key: hash of all that decides the result; shards of a stopped evaluation are found by it.
        reference_facts: what decides the reference's logits; None for no comparison.
        workers: number of processes that decode.
        images_at_once: images in a shard.
    """

    cell: Cell
    network: Network
    dataset: Dataset
    preprocessing: Preprocessing
    key: str
    reference_facts: dict[str, object] | None
    workers: int
    images_at_once: int


def cell_of(settings: EvaluateConfig, cache: Cache) -> Cell:
    """Return the cell as requested; nothing is looked up."""
    return Cell(
        model=settings.model,
        backend=settings.backend,
        measure=MeasureConfig(lock_wait_s=settings.lock_wait_s, time_limit_s=settings.time_limit_s),
        batch_size=settings.batch_size,
        input_size=settings.input_size,
        input_fit=settings.input_fit,
        weights=settings.weights,
        seed=settings.seed,
        cache_dir=str(cache.root),
    )


def from_config(settings: EvaluateConfig, cache: Cache) -> Plan:
    """Find model, weights, images and labels, and check that they fit each other.

    Raises:
        PerfexpError: one is missing, or they do not fit.
    """
    counts = ("batch_size", "images_at_once", "workers", "input_size", "resize")
    checks.at_least(1, {name: getattr(settings, name) for name in counts})
    checks.positive({"time_limit_s": settings.time_limit_s})
    cell = cell_of(settings, cache)
    cell = replace(cell, weights=artifacts.local(settings.weights, settings.tracking))
    patient = replace(cell, measure=MeasureConfig())  # a longer wait is no other evaluation
    identity = cells.key(patient, settings.sweep.launched_from)
    dataset = datasets.create(settings.dataset)
    _check_classes(cell, dataset)
    described = network.describe(cell, cache)
    source, size = sources.source(cell.model.source), described.input_size
    if settings.resize is not None and settings.resize < size:
        raise ConfigError(
            f"resize={settings.resize} is smaller than the input of {size} pixels; give {size} or more."
        )
    preprocessing = source.preprocessing(cell.model.name, size, settings.resize)
    images = {"dataset": dataset.digest, "preprocessing": preprocessing.steps}
    options = {"agreement": settings.agreement, "images_at_once": settings.images_at_once}
    reference: dict[str, object] = {"network": described.key, **images, "torch": version("torch")}
    if cell.backend.precision == Precision.int8:
        cell = replace(cell, calibration=digest({**images, "seed": cell.seed, "images": CALIBRATION_IMAGES}))
    return Plan(
        cell=cell,
        network=described,
        dataset=dataset,
        preprocessing=preprocessing,
        key=digest({"cell": identity, "network": described.key, **images, **options}),
        reference_facts=reference if settings.agreement else None,
        workers=settings.workers or len(usable_cpus()),
        images_at_once=math.ceil(settings.images_at_once / cell.batch_size) * cell.batch_size,
    )


def _check_classes(cell: Cell, dataset: Dataset) -> None:
    classes = len(dataset.class_names)
    if classes != cell.model.classes:
        raise DataError(
            f"The data set has {classes} classes, but {cell.model.name} tells {cell.model.classes} apart; "
            f"give weights for these classes and model.classes={classes}."
        )
