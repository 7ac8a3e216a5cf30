"""Train ImageNet's weights on to tell a few classes apart.

  perfexp finetune dataset=digits dataset.train=true model.classes=10
  perfexp finetune model=resnet18 dataset=cifar10 dataset.train=true dataset.path=DIR model.classes=10

Every tensor is trained, with AdamW and a one-cycle schedule. The weights of the epoch with the lowest
held-out loss become a checkpoint in the store; judge them on other images with perfexp evaluate.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from omegaconf import MISSING, OmegaConf

from perfexp.cache import synchronise_below
from perfexp.config import checks
from perfexp.config.options import option
from perfexp.config.schema import EXPERIMENT, ModelConfig, TrackingConfig, flatten
from perfexp.console import say
from perfexp.environment import usable_cpus
from perfexp.errors import DataError, TrackingError
from perfexp.evaluation import datasets, finetuning
from perfexp.evaluation.datasets.base import Dataset, DatasetConfig
from perfexp.evaluation.loading import Transformed
from perfexp.models import sources, weights
from perfexp.models.base import Preprocessing
from perfexp.plugins import DATASETS
from perfexp.store import artifacts
from perfexp.store.address import redacted_text
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker, open_tracker

CHECKPOINT = "network.safetensors"


@dataclass
class DeviceConfig:
    """Where a network is trained."""

    device: str = option("cpu", "cpu, cuda, cuda:1 or mps")


@dataclass
class Config:
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
    experiment: str | None = option(None, EXPERIMENT)
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


def main(settings: Config) -> None:
    """Train, and write the checkpoint into the store.

    Raises:
        DataError: the images do not fit the model, or cannot be split.
        ModelError: the weights cannot be loaded.
    """
    _check(settings)
    root, started_ms = Path(settings.tracking.root), int(time.time() * 1000)
    dataset = _dataset(settings)
    source = sources.source(settings.model.source)
    size = settings.input_size or source.facts(settings.model.name).input_size
    preprocessing = source.preprocessing(settings.model.name, size, settings.resize)
    start = artifacts.local(settings.weights, settings.tracking)
    network = weights.with_new_head(source, settings.model, size, start, settings.seed)
    tracker = open_tracker(settings.tracking.uri, root, settings.experiment)
    train, held_out = _batches(settings, dataset, preprocessing)
    schedule = finetuning.Schedule(
        settings.epochs,
        settings.patience,
        settings.learning_rate,
        settings.weight_decay,
        settings.backend.device,
    )
    epochs, best = finetuning.fit(network, train, held_out, schedule, _report)
    text = redacted_text(OmegaConf.to_yaml(settings))
    folder = root / "finetuned" / f"{settings.model.name}-{started_ms}"
    folder.mkdir(parents=True)
    finetuning.save(network, folder / CHECKPOINT)
    synchronise_below(folder)
    try:
        run_id = tracker.submit(
            _draft(settings, dataset, preprocessing, epochs, best, text, started_ms, folder)
        )
    except TrackingError as error:
        raise TrackingError(f"{error} The trained network is kept in {folder / CHECKPOINT}.") from error
    shutil.rmtree(folder)  # the store has it, or the outbox
    if run_id:
        _print(settings, tracker, run_id, epochs[best], best)


def _check(settings: Config) -> None:
    counts = ("epochs", "patience", "batch_size", "workers", "input_size", "resize")
    checks.at_least(1, {name: getattr(settings, name) for name in counts})
    checks.inside(0, 1, {"validation": settings.validation}, "a share of the images, as in validation=0.15")
    checks.positive({"learning_rate": settings.learning_rate})


def _dataset(settings: Config) -> Dataset:
    dataset = datasets.create(settings.dataset)
    classes = len(dataset.class_names)
    if classes != settings.model.classes:
        raise DataError(
            f"The data set has {classes} classes, but model.classes is {settings.model.classes}; set "
            f"model.classes={classes}."
        )
    return dataset


def _batches(
    settings: Config, dataset: Dataset, preprocessing: Preprocessing
) -> tuple[finetuning.Batches, finetuning.Batches]:
    """Return the batches to train on, and those that are held out."""
    images, workers = Transformed(dataset, preprocessing), settings.workers or len(usable_cpus())
    labels = [item.label for item in dataset.items]
    train, held_out = finetuning.split(labels, settings.validation, settings.seed)
    return (
        finetuning.Batches(images, train, settings.batch_size, workers, settings.seed),
        finetuning.Batches(images, held_out, settings.batch_size, workers),
    )


def _report(number: int, epoch: finetuning.Epoch) -> None:
    say(
        f"epoch {number + 1}: training loss {epoch.train_loss:.4f}, held-out loss "
        f"{epoch.validation_loss:.4f}, top1 {epoch.validation_top1:.2f} %",
        flush=True,
    )


def _draft(
    settings: Config,
    dataset: Dataset,
    preprocessing: Preprocessing,
    epochs: Sequence[finetuning.Epoch],
    best: int,
    config_yaml: str,
    started_ms: int,
    folder: Path,
) -> RunData:
    choices = {k: v for k, v in flatten(asdict(settings)).items() if not k.startswith("tracking.")}
    metrics = [
        (name, value, step) for step, epoch in enumerate(epochs) for name, value in asdict(epoch).items()
    ]
    return RunData(
        name=f"{settings.model.name} finetuned on {settings.dataset.name}",
        status="FINISHED",
        started_ms=started_ms,
        metrics=metrics,
        params={key: str(value) for key, value in choices.items()},
        tags={
            "kind": "finetuning",
            "model": settings.model.name,
            "best_epoch": str(best),
            "dataset_digest": dataset.digest,
            "dataset_images": str(len(dataset.items)),
            "labelled_by": dataset.labelled_by,
            "preprocessing": preprocessing.steps,
            "preprocessing_of": preprocessing.origin,
        },
        files={"config.yaml": config_yaml},
        paths=[("", path) for path in sorted(folder.iterdir())],
    )


def _print(settings: Config, tracker: Tracker, run_id: str, epoch: finetuning.Epoch, best: int) -> None:
    say(
        f"Epoch {best + 1} was best (held-out top1 {epoch.validation_top1:.2f} %); kept as run {run_id} of "
        f"experiment {tracker.experiment!r}."
    )
    say(
        f"Use it:  model.source={settings.model.source} model.name={settings.model.name} "
        f"model.classes={settings.model.classes} input_size={settings.input_size} "
        f"weights=runs:/{run_id}/{CHECKPOINT}"
    )
