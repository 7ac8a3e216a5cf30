"""The command ``perfexp-evaluate``: a model with weights, on a backend, judged on labelled images."""

import math
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from perfexp import cells, checkpoints, datasets, models, network
from perfexp.backends.base import usable_cpus
from perfexp.cache import Cache, digest
from perfexp.command import Command
from perfexp.config import Cell, MeasureConfig
from perfexp.errors import ConfigError, DataError
from perfexp.evaluation import run
from perfexp.evaluation.evaluator import Evaluation, Evaluator, Plan
from perfexp.measure import environment
from perfexp.network import CellNetwork
from perfexp.settings import EvaluateConfig
from perfexp.tracking import open_tracker
from perfexp.versions import version

if TYPE_CHECKING:
    from collections.abc import Callable

_CORRUPT_SHOWN = 20
command = Command("perfexp-evaluate", "evaluate")


def main() -> None:
    """Exit 0 when the accuracy is in the store, 2 on bad input."""
    command.launch(_task)


def _task(config: DictConfig) -> None:
    settings = command.settings(config, EvaluateConfig)
    _check(settings)
    root, started_ms = Path(settings.tracking.root), int(time.time() * 1000)
    cache = Cache((root / "cache").resolve())
    plan, described = _plan(settings, cache)
    tracker = open_tracker(settings.tracking.uri, root, settings.experiment)
    evaluator = Evaluator(plan, cache)
    with _progress(plan) as done:
        evaluation = evaluator.run(done)
    facts, text = environment.snapshot(), command.text(config)
    with tempfile.TemporaryDirectory(prefix="perfexp-") as folder:
        draft = run.draft(settings, plan, described, evaluation, facts, text, started_ms, Path(folder))
        run_id = tracker.keep(draft)
    evaluator.parts.forget()
    print(f"{draft.name}, weights {settings.weights}")
    _print(plan, evaluation, run.metrics(evaluation, described))
    if run_id:
        print(f"Kept as run {run_id} of experiment {tracker.experiment!r}.")


def _check(settings: EvaluateConfig) -> None:
    for name in ("batch_size", "images_at_once", "workers", "input_size", "resize"):
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise ConfigError(f"{name} must be at least 1, but got {value}; give a larger number.")


def _plan(settings: EvaluateConfig, cache: Cache) -> tuple[Plan, CellNetwork]:
    cell = Cell(
        model=settings.model,
        backend=settings.backend,
        measure=MeasureConfig(),
        batch_size=settings.batch_size,
        input_size=settings.input_size,
        input_fit=settings.input_fit,
        weights=checkpoints.local(settings.weights, settings.tracking),
        seed=settings.seed,
        cache_dir=str(cache.root),
    )
    identity = cells.key(cell)
    dataset = datasets.create(settings.dataset, cache)
    if len(dataset.class_names) != cell.model.classes:
        raise DataError(
            f"The data set has {len(dataset.class_names)} classes, but {cell.model.name} tells "
            f"{cell.model.classes} apart; give weights for these classes and model.classes="
            f"{len(dataset.class_names)}."
        )
    described = network.find(cell, cache) or network.describe(cell, cache)
    source, size = models.source(cell.model.source), described.input_size
    if settings.resize is not None and settings.resize < size:
        raise ConfigError(
            f"resize={settings.resize} is smaller than the input of {size} pixels; give {size} or more."
        )
    preprocessing = source.preprocessing(cell.model.name, size, settings.resize)
    images = {"dataset": dataset.digest, "preprocessing": preprocessing.steps}
    options = {"agreement": settings.agreement, "images_at_once": settings.images_at_once}
    reference: dict[str, object] = {"network": described.key, **images, "torch": version("torch")}
    plan = Plan(
        cell=cell,
        dataset=dataset,
        preprocessing=preprocessing,
        key=digest({"cell": identity, "network": described.key, **images, **options}),
        reference_facts=reference if settings.agreement else None,
        workers=settings.workers or usable_cpus(),
        images_at_once=math.ceil(settings.images_at_once / cell.batch_size) * cell.batch_size,
    )
    return plan, described


@contextmanager
def _progress(plan: Plan) -> "Iterator[Callable[[int], None]]":
    """A bar with an estimate; it is told how many more images are through."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images, left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(plan.cell.title, total=len(plan.dataset.items))
        yield lambda images: progress.advance(task, images)


def _print(plan: Plan, evaluation: Evaluation, metrics: dict[str, float]) -> None:
    part = evaluation.part
    for name, below in (("top1", 1), ("top5", 5)):
        right = int((part.scores.rank < below).sum())
        low, high = metrics[f"{name}_low"], metrics[f"{name}_high"]
        print(
            f"  {name} {metrics[name]:.2f} %  ({right} of {len(part.indices)}, 95 % {low:.1f} to {high:.1f})"
        )
    if "loss" in metrics:
        print(f"  loss {metrics['loss']:.4f}")
    if "top1_agreement" in metrics:
        print(f"  agrees with PyTorch f32 on {metrics['top1_agreement']:.2f} % of best classes, ", end="")
        print(f"rank correlation {metrics.get('rank_correlation', float('nan')):.5f}")
    print(f"  data path {metrics['data_images_per_s']:.1f} images/s in {plan.workers} processes, ", end="")
    print(f"model {metrics['model_images_per_s']:.1f} images/s")
    print(f"  labelled by {plan.dataset.labelled_by}; preprocessing of {plan.preprocessing.origin}")
    if evaluation.resumed_images:
        print(f"  {evaluation.resumed_images} images were evaluated before a stop, and kept")
    _print_corrupt(plan, evaluation)


def _print_corrupt(plan: Plan, evaluation: Evaluation) -> None:
    corrupt = evaluation.part.corrupt
    if not corrupt:
        return
    print(f"  {len(corrupt)} images could not be decoded and are in no percentage above:")
    for index, reason in list(corrupt.items())[:_CORRUPT_SHOWN]:
        print(f"    {plan.dataset.items[index].name}: {reason}")
    if len(corrupt) > _CORRUPT_SHOWN:
        print(f"    and {len(corrupt) - _CORRUPT_SHOWN} more, in the run's corrupt.csv")
