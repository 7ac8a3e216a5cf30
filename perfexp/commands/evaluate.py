"""Measure a model's accuracy on labelled images, on a backend.

  perfexp evaluate model=resnet50 weights=pretrained dataset=imagenet dataset.path=/data/val
  perfexp evaluate --multirun backend=openvino backend.precision=f32,int8 dataset=imagenette

A stopped evaluation goes on where it was when it is started again. Preprocessing is that of the weights.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from perfexp import console, environment, scratch
from perfexp.cache import Cache
from perfexp.commands import _app, _hydra
from perfexp.config import overrides
from perfexp.errors import Exit, PerfexpError, TrackingError
from perfexp.evaluation import run, summary
from perfexp.evaluation.evaluator import Evaluator
from perfexp.evaluation.inference import InferenceError
from perfexp.evaluation.plan import EvaluateConfig as Config
from perfexp.evaluation.plan import Plan, cell_of, from_config
from perfexp.records import Failure, FailureKind, Outcome
from perfexp.store.tracker import Tracker, open_tracker

if TYPE_CHECKING:
    from perfexp.sweep.progress import SweepProgress

VERB = "evaluate"


def launch(arguments: Sequence[str]) -> Exit:
    """Evaluate; the exit code says whether every accuracy is in the store."""
    _hydra.launch(VERB, Config, arguments, _task, _finish)
    return Exit.FAILED if _progress().failed else Exit.DONE


@dataclass(frozen=True)
class Job:
    """One evaluation, and what its run will need besides the result."""

    settings: Config
    cache: Cache
    config_yaml: str
    started_ms: int

    @property
    def in_sweep(self) -> bool:
        """Whether others wait for it to end, however it does."""
        return self.settings.sweep.id is not None

    @cached_property
    def tracker(self) -> Tracker:
        """The store and the experiment that the run goes into: a sweep's own, where it runs here."""
        if shared := _progress().tracker:
            return shared
        tracking = self.settings.tracking
        return open_tracker(tracking.uri, Path(tracking.root), self.settings.experiment)


def _task(config: DictConfig) -> Outcome:
    settings = overrides.complete(config, Config)
    cache = Cache((Path(settings.tracking.root) / "cache").resolve())
    job = Job(settings, cache, _hydra.text(config), int(time.time() * 1000))
    try:
        plan = from_config(settings, cache)
    except TrackingError:
        raise
    except PerfexpError as error:
        if not job.in_sweep:
            raise
        return _fail(job, Failure(FailureKind.REFUSED, str(error)))
    return _evaluate(job, plan)


def _evaluate(job: Job, plan: Plan) -> Outcome:
    tracker, evaluator = job.tracker, Evaluator(plan, job.cache)
    _progress().close()  # two bars at once would draw over each other
    try:
        with console.progress("images, left") as begin:
            evaluation = evaluator.run(begin(plan.cell.title, len(plan.dataset.items)))
    except (KeyboardInterrupt, SystemExit):
        stopped = "The evaluation was stopped; the same command goes on where it was."
        _fail(job, Failure(FailureKind.INTERRUPTED, stopped))
        raise
    except InferenceError as error:
        return _fail(job, error.failure)
    except PerfexpError as error:
        return _fail(job, Failure(FailureKind.REFUSED, str(error)))
    facts = environment.snapshot()
    with scratch.folder() as place:
        draft = run.draft(job.settings, plan, evaluation, facts, job.config_yaml, job.started_ms, place)
        run_id = tracker.submit(draft)
    evaluator.shards.forget()
    console.say(f"{draft.name}, weights {job.settings.weights}")
    summary.print_numbers(plan, evaluation, run.metrics(evaluation, plan.network))
    if run_id:
        console.say(f"Kept as run {run_id} of experiment {tracker.experiment!r}.", flush=True)
    return _told(job, summary.outcome(plan.cell, draft, run_id))


def _fail(job: Job, failure: Failure) -> Outcome:
    """Write the run of what has no result; a sweep goes on, a single evaluation ends with the sentence."""
    cell, facts = cell_of(job.settings, job.cache), environment.snapshot()
    draft = run.failed_draft(job.settings, cell, failure, facts, job.config_yaml, job.started_ms)
    ended = summary.outcome(cell, draft, job.tracker.submit(draft))
    if not job.in_sweep and failure.kind != FailureKind.INTERRUPTED:
        refused = failure.kind == FailureKind.REFUSED
        _app.stop(_app.program(VERB), failure.message, Exit.USAGE if refused else Exit.FAILED)
    return _told(job, ended)


def _told(job: Job, outcome: Outcome) -> Outcome:
    if job.in_sweep:
        _progress().add(outcome)
    return outcome


def _finish() -> None:
    """The table of a sweep, for whatever was evaluated."""
    _progress().close()
    if _progress().outcomes:
        summary.print_table(_progress().outcomes, console.terminal())


def _progress() -> "SweepProgress":
    from perfexp.sweep import session

    return session.current()
