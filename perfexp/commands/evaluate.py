"""The command ``perfexp-evaluate``: a model with weights, on a backend, judged on labelled images."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from perfexp import environment
from perfexp.cache import Cache
from perfexp.commands._app import BAD_INPUT, Command
from perfexp.config.settings import EvaluateConfig
from perfexp.console import terminal
from perfexp.errors import PerfexpError, TrackingError
from perfexp.evaluation import plan as planning
from perfexp.evaluation import run, summary
from perfexp.evaluation.evaluator import Evaluator, Plan
from perfexp.evaluation.inference import InferenceError
from perfexp.models.network import CellNetwork
from perfexp.records import Failure, FailureKind, Outcome
from perfexp.store.tracker import Tracker, open_tracker
from perfexp.sweep import session

if TYPE_CHECKING:
    from collections.abc import Callable

EVALUATION_FAILED = 1
command = Command("perfexp-evaluate", "evaluate")


def main() -> None:
    """Exit 0 when every accuracy is in the store, 1 when one is not, 2 on bad input."""
    command.launch(_task, _finish)
    sys.exit(EVALUATION_FAILED if session.current().failed else 0)


@dataclass(frozen=True)
class Job:
    """One evaluation, and what its run will need besides the result."""

    settings: EvaluateConfig
    cache: Cache
    config_yaml: str
    started_ms: int

    @property
    def in_sweep(self) -> bool:
        """Whether others wait for it to end, however it does."""
        return self.settings.sweep.id is not None

    @cached_property
    def tracker(self) -> Tracker:
        """The store and the experiment that the run goes into."""
        tracking = self.settings.tracking
        return open_tracker(tracking.uri, Path(tracking.root), self.settings.experiment)


def _task(config: DictConfig) -> Outcome:
    settings = command.settings(config, EvaluateConfig)
    cache = Cache((Path(settings.tracking.root) / "cache").resolve())
    job = Job(settings, cache, command.text(config), int(time.time() * 1000))
    try:
        plan, described = planning.plan(settings, cache)
    except TrackingError:
        raise
    except PerfexpError as error:
        if not job.in_sweep:
            raise
        return _fail(job, Failure(FailureKind.REFUSED, str(error)))
    return _evaluate(job, plan, described)


def _evaluate(job: Job, plan: Plan, described: CellNetwork) -> Outcome:
    tracker, evaluator = job.tracker, Evaluator(plan, job.cache)
    session.current().close()  # two bars at once would draw over each other
    try:
        with _progress(plan) as done:
            evaluation = evaluator.run(done)
    except (KeyboardInterrupt, SystemExit):
        stopped = "The evaluation was stopped; the same command goes on where it was."
        _fail(job, Failure(FailureKind.INTERRUPTED, stopped))
        raise
    except InferenceError as error:
        return _fail(job, error.failure)
    except PerfexpError as error:
        return _fail(job, Failure(FailureKind.REFUSED, str(error)))
    facts = environment.snapshot()
    with tempfile.TemporaryDirectory(prefix="perfexp-") as folder:
        draft = run.draft(
            job.settings, plan, described, evaluation, facts, job.config_yaml, job.started_ms, Path(folder)
        )
        run_id = tracker.submit(draft)
    evaluator.parts.forget()
    print(f"{draft.name}, weights {job.settings.weights}")
    summary.print_numbers(plan, evaluation, run.metrics(evaluation, described))
    if run_id:
        print(f"Kept as run {run_id} of experiment {tracker.experiment!r}.", flush=True)
    return _told(job, summary.outcome(plan.cell, draft, run_id))


def _fail(job: Job, failure: Failure) -> Outcome:
    """Write the run of what has no result; a sweep goes on, a single evaluation ends with the sentence."""
    cell, facts = planning.cell_of(job.settings, job.cache), environment.snapshot()
    draft = run.failed_draft(job.settings, cell, failure, facts, job.config_yaml, job.started_ms)
    ended = summary.outcome(cell, draft, job.tracker.submit(draft))
    if not job.in_sweep and failure.kind != FailureKind.INTERRUPTED:
        command.exit(failure.message, BAD_INPUT if failure.kind == FailureKind.REFUSED else EVALUATION_FAILED)
    return _told(job, ended)


def _told(job: Job, outcome: Outcome) -> Outcome:
    if job.in_sweep:
        session.current().add(outcome)
    return outcome


def _finish() -> None:
    """The table of a sweep, for whatever was evaluated."""
    session.current().close()
    if session.current().outcomes:
        summary.print_table(session.current().outcomes, terminal())


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
