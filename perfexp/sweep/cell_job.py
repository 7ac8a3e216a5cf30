"""One Hydra job: measure a cell and write its run."""

import sys
import time
from dataclasses import replace
from pathlib import Path

from perfexp import cell as cells
from perfexp import environment
from perfexp.config.schema import Cell, Rerun, RunConfig, SweepConfig, TrackingConfig
from perfexp.console import say
from perfexp.errors import PerfexpError, TrackingError
from perfexp.records import (
    OUTCOME_METRICS,
    REFUSED,
    Failure,
    FailureKind,
    Measurement,
    Outcome,
    RunKind,
    titled,
)
from perfexp.store import artifacts, connection
from perfexp.store.address import sqlite_path
from perfexp.store.build import Request, cell_run
from perfexp.store.tracker import Tracker, open_tracker
from perfexp.sweep.kept_rounds import KeptRounds
from perfexp.sweep.progress import SweepProgress
from perfexp.worker.run import Rounds


def run(config: RunConfig, request: Request, progress: SweepProgress) -> Outcome | None:
    """Measure the configured cell, write its run, and add the outcome to the progress.

    A sweep's cell that was measured before is not measured again, unless ``sweep.rerun`` says so.
    A sweep in this process takes only the cell's first round here, and the others when all cells
    have had theirs: the cell then waits in ``progress.unfinished``, and None is returned.

    Raises:
        ConfigError, BackendError, ModelError: the configuration describes no cell.
        CacheError: a finished round cannot be kept.
        TrackingError: the store cannot be used.
    """
    weights = artifacts.local(config.weights, config.tracking)
    cell = cells.from_config(replace(config, weights=weights))
    key = cells.key(cell, config.sweep.launched_from)
    cost = progress.begin(titled(cell.title, config.sweep.variant))
    progress.sweep = config.sweep
    if progress.tracker is None:
        _require_one_writer(config)
        progress.tracker = open_store(config.tracking, config.experiment)
    earlier = _earlier(progress, key) if config.sweep.id else None
    if earlier and not _again(earlier, config.sweep.rerun):
        _adopt(progress.tracker, earlier, config.sweep)
        known = replace(earlier, variant=config.sweep.variant)
        progress.add(known)
        return known
    kept = KeptRounds(Path(config.tracking.root))
    job = CellJob(cell, key, config.sweep, request, progress, kept, earlier, cost)
    while not job.ended:
        time.sleep(job.rounds.pause_s(time.time()))
        job.step()
        if progress.interleaved and not job.ended:
            progress.unfinished.append(job)
            return None
    return job.finish()


class CellJob:
    """A cell on its way to its run, round by round.

    Args:
        cell: what is measured.
        key: of the cell.
        sweep: that the cell belongs to.
        request: how the cell was asked for.
        progress: receives each round, and the outcome at the end.
        kept: where finished rounds are kept until the run is written.
        earlier: the finished run that the new one takes the place of.
        cost: of the cell, as the progress has it.
    """

    def __init__(
        self,
        cell: Cell,
        key: str,
        sweep: SweepConfig,
        request: Request,
        progress: SweepProgress,
        kept: KeptRounds,
        earlier: Outcome | None,
        cost: float,
    ) -> None:
        self.cell, self.key, self.cost, self._sweep = cell, key, cost, sweep
        self.title = titled(cell.title, sweep.variant)
        self.rounds = Rounds(cell, kept.of(key))
        self._request, self._progress, self._kept, self._earlier = request, progress, kept, earlier
        self._started_ms, self._begun = int(time.time() * 1000), False

    @property
    def ended(self) -> bool:
        """Whether the cell needs no further round."""
        return self.rounds.ended

    def step(self) -> None:
        """Measure one round and keep it; a stop meanwhile becomes the cell's run."""
        first, self._begun = not self._begun, True
        self._progress.begin_round(self.title, self.cost)
        try:
            measured = self.rounds.take()
        except (KeyboardInterrupt, SystemExit):
            stopped = Failure(FailureKind.INTERRUPTED, "The sweep was stopped while this cell ran.")
            self._write(stopped)
            raise
        if isinstance(measured, Measurement):
            self._kept.add(self.key, measured)
        self._progress.round_ended(self, measured, first)

    def finish(self) -> Outcome:
        """Write the run of all rounds, and add the outcome to the progress.

        Raises:
            TrackingError: neither the store nor the outbox could take it.
        """
        outcome = self._write(self.rounds.outcome())
        self._kept.remove(self.key)
        return outcome

    def _write(self, result: Measurement | Failure) -> Outcome:
        tracker = self._progress.tracker
        assert tracker is not None, "the store is opened first"
        facts = {**environment.snapshot(), **result.environment}
        files = {"samples.png": _figure(self.title, result)} if isinstance(result, Measurement) else {}
        about = self._started_ms, self._request, self._sweep
        run = cell_run(self.cell, self.key, result, *about, facts, files)
        outcome = run.outcome(self.cell, None, (*OUTCOME_METRICS, *self._request.metrics))
        try:
            run_id = tracker.submit(run)
        except TrackingError as error:
            raise TrackingError(f"{error} It had come to this: {outcome.summary}.") from error
        outcome = replace(outcome, run_id=run_id, variant=self._sweep.variant)
        if self._earlier and outcome.has_numbers:
            _supersede(tracker, self._earlier, outcome)
        self._progress.add(outcome)
        return outcome


def open_store(tracking: TrackingConfig, experiment: str | None) -> Tracker:
    """Open the configured store, and end the runs of processes that were killed.

    Raises:
        TrackingError: the store cannot be used.
    """
    tracker = open_tracker(tracking.uri, Path(tracking.root), experiment)
    for line in tracker.end_abandoned(time.monotonic()):
        say(line, flush=True)
    return tracker


def _require_one_writer(config: RunConfig) -> None:
    """Refuse SQLite where several machines would write it: its file may be damaged on a shared folder.

    Raises:
        TrackingError: this job runs on another machine than the one that opened the store.
    """
    here, there = environment.host()["host"], config.sweep.launched_from
    uri = connection.resolve(config.tracking.uri, Path(config.tracking.root))
    if there and here != there and sqlite_path(uri) is not None:
        raise TrackingError(
            f"The job runs on {here}, the sweep was started on {there}, and the store is SQLite, which "
            "several machines must not write; start perfexp server and give tracking.uri=http://…."
        )


def refused(config: RunConfig, error: PerfexpError, progress: SweepProgress) -> Outcome:
    """Add a combination that describes no cell: a line in the table, not a run."""
    named = config.model.name, config.backend.name, config.batch_size
    outcome = Outcome(*named, REFUSED, str(error), variant=config.sweep.variant)
    progress.add(outcome)
    return outcome


def _earlier(progress: SweepProgress, key: str) -> Outcome | None:
    """Return the cell's finished run; None if there is none, or if the store is gone meanwhile."""
    try:
        return progress.finished.find(key)
    except TrackingError as error:
        say(f"{error} The cell is measured whether it was before or not.", file=sys.stderr, flush=True)
        return None


def _again(earlier: Outcome, rerun: Rerun) -> bool:
    return rerun == Rerun.all or (rerun == Rerun.tainted and earlier.tainted)


def _adopt(tracker: Tracker, earlier: Outcome, sweep: SweepConfig) -> None:
    """Make a cell that another sweep measured one of this sweep's, for whoever asks for its runs."""
    if earlier.run_id and earlier.tags.get("sweep_id") != sweep.id:
        try:
            for name, value in sweep.members().items():
                tracker.tag(earlier.run_id, name, value)
        except TrackingError as error:
            say(
                f"{error} The run {earlier.run_id} is not told as one of this sweep.",
                file=sys.stderr,
                flush=True,
            )


def _supersede(tracker: Tracker, earlier: Outcome, outcome: Outcome) -> None:
    """Keep one run a cell in a sweep: the earlier one is no longer of the kind ``cell``."""
    if earlier.run_id and earlier.tags.get("sweep_id") == outcome.tags.get("sweep_id"):
        try:
            tracker.tag(earlier.run_id, "kind", RunKind.SUPERSEDED)
        except TrackingError as error:
            say(f"{error} The run {earlier.run_id} stays beside the new one.", file=sys.stderr, flush=True)


def _figure(title: str, result: Measurement) -> bytes:
    from perfexp.charts import samples

    low, high = (result.metrics.get(f"latency_p50_{end}_ms") for end in ("low", "high"))
    interval = None if low is None or high is None else (low, high)
    return samples.draw(result.samples_ms, result.warmup_ms, title, interval)
