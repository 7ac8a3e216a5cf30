"""The command ``perfexp-finetune``: ImageNet's weights, trained on to tell a few classes apart."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from perfexp.backends.base import usable_cpus
from perfexp.cache import Cache
from perfexp.commands._app import Command
from perfexp.config.schema import flatten
from perfexp.config.settings import FinetuneConfig
from perfexp.errors import ConfigError, DataError
from perfexp.evaluation import datasets, finetuning
from perfexp.evaluation.datasets import Dataset
from perfexp.evaluation.loading import Transformed
from perfexp.models import sources, weights
from perfexp.models.sources import Preprocessing
from perfexp.store import artifacts
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker, open_tracker

if TYPE_CHECKING:
    from torch import nn

CHECKPOINT = "network.safetensors"
command = Command("perfexp-finetune", "finetune")


def main() -> None:
    """Exit 0 when the checkpoint is in the store, 2 on bad input."""
    command.launch(_task)


def _task(config: DictConfig) -> None:
    settings = command.settings(config, FinetuneConfig)
    _check(settings)
    root, started_ms = Path(settings.tracking.root), int(time.time() * 1000)
    cache = Cache((root / "cache").resolve())
    dataset = _dataset(settings, cache)
    source = sources.source(settings.model.source)
    size = settings.input_size or source.facts(settings.model.name).input_size
    preprocessing = source.preprocessing(settings.model.name, size, settings.resize)
    start = artifacts.local(settings.weights, settings.tracking)
    network = weights.with_new_head(source, settings.model, size, start, settings.seed, cache)
    tracker = open_tracker(settings.tracking.uri, root, settings.experiment)
    epochs: list[finetuning.Epoch] = []
    best = _fit(settings, network, dataset, preprocessing, epochs)
    text = command.text(config)
    with tempfile.TemporaryDirectory(prefix="perfexp-") as folder:
        _save(network, Path(folder) / CHECKPOINT)
        run_id = tracker.submit(
            _draft(settings, dataset, preprocessing, epochs, best, text, started_ms, Path(folder))
        )
    if run_id:
        _print(settings, tracker, run_id, epochs[best], best)


def _check(settings: FinetuneConfig) -> None:
    for name in ("epochs", "patience", "batch_size", "workers", "input_size", "resize"):
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise ConfigError(f"{name} must be at least 1, but got {value}; give a larger number.")
    if not 0 < settings.validation < 1:
        raise ConfigError(
            f"validation must lie between 0 and 1, a share of the images, but got {settings.validation}."
        )
    if not settings.learning_rate > 0:
        raise ConfigError(f"learning_rate must be positive, but got {settings.learning_rate}.")


def _dataset(settings: FinetuneConfig, cache: Cache) -> Dataset:
    dataset = datasets.create(settings.dataset, cache)
    classes = len(dataset.class_names)
    if classes != settings.model.classes:
        raise DataError(
            f"The data set has {classes} classes, but model.classes is {settings.model.classes}; set "
            f"model.classes={classes}."
        )
    return dataset


def _fit(
    settings: FinetuneConfig,
    network: "nn.Module",
    dataset: Dataset,
    preprocessing: Preprocessing,
    epochs: list[finetuning.Epoch],
) -> int:
    def heard(number: int, epoch: finetuning.Epoch) -> None:
        epochs.append(epoch)
        print(
            f"epoch {number + 1}/{settings.epochs}: training loss {epoch.train_loss:.4f}, held-out loss "
            f"{epoch.validation_loss:.4f}, top1 {epoch.validation_top1:.2f} %",
            flush=True,
        )

    images = Transformed(dataset, preprocessing)
    workers = settings.workers or usable_cpus()
    train, held_out = _split(dataset, settings)
    schedule = finetuning.Schedule(
        settings.epochs, settings.patience, settings.learning_rate, settings.weight_decay, settings.device
    )
    return finetuning.fit(
        network,
        finetuning.Batches(images, train, settings.batch_size, workers, settings.seed),
        finetuning.Batches(images, held_out, settings.batch_size, workers),
        schedule,
        heard,
    )


def _split(dataset: Dataset, settings: FinetuneConfig) -> tuple[Sequence[int], Sequence[int]]:
    """Indices to train on and indices held out, in the same proportions of classes."""
    from sklearn.model_selection import train_test_split

    labels = [item.label for item in dataset.items]
    try:
        train, held_out = train_test_split(
            range(len(labels)), test_size=settings.validation, random_state=settings.seed, stratify=labels
        )
    except ValueError as error:
        raise DataError(
            f"validation={settings.validation} of {len(labels)} images cannot be held out from each class "
            f"({error}); give more images, or another share."
        ) from error
    return train, held_out


def _save(network: "nn.Module", path: Path) -> None:
    from safetensors.torch import save_file

    save_file({k: v.detach().cpu().clone().contiguous() for k, v in network.state_dict().items()}, path)


def _draft(
    settings: FinetuneConfig,
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


def _print(
    settings: FinetuneConfig, tracker: Tracker, run_id: str, epoch: finetuning.Epoch, best: int
) -> None:
    print(
        f"Epoch {best + 1} was best (held-out top1 {epoch.validation_top1:.2f} %); kept as run {run_id} of "
        f"experiment {tracker.experiment!r}."
    )
    print(
        f"Use it:  model.source={settings.model.source} model.name={settings.model.name} "
        f"model.classes={settings.model.classes} input_size={settings.input_size} "
        f"weights=runs:/{run_id}/{CHECKPOINT}"
    )
