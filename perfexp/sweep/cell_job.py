"""One Hydra job: a cell is measured and becomes a run."""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from perfexp import cell as cells
from perfexp import environment
from perfexp.config.schema import Cell, Rerun, RunConfig, TrackingConfig
from perfexp.errors import PerfexpError, TrackingError
from perfexp.measure.certificate import TAINTED
from perfexp.outcomes import FINISHED, METRICS, REFUSED, TAGS, Outcome
from perfexp.records import Failure, FailureKind, Measurement
from perfexp.store import artifacts
from perfexp.store.build import cell_run
from perfexp.store.tracker import Tracker, open_tracker
from perfexp.sweep import session
from perfexp.sweep.progress import SweepProgress
from perfexp.worker.run import run_cell


@dataclass(frozen=True)
class Job:
    """A cell and what its run will need besides the measurement."""

    cell: Cell
    key: str
    tracker: Tracker
    tags: dict[str, str]
    config_yaml: str
    started_ms: int


def run(config: RunConfig, config_yaml: str, ledger: SweepProgress) -> Outcome:
    """Measure the configured cell, write its run, and put the outcome into the ledger.

    A cell of a sweep that was measured before is not measured again, unless that is asked for.

    Raises:
        ConfigError, BackendError, ModelError: the configuration describes no cell.
        TrackingError: the store cannot be used.
    """
    weights = artifacts.local(config.weights, config.tracking)
    cell = cells.from_config(replace(config, weights=weights))
    key = cells.key(cell)
    ledger.begin(cell.title)
    ledger.sweep = config.sweep
    if ledger.tracker is None:
        ledger.tracker = tracker_of(config.tracking, config.experiment)
    earlier = _earlier(ledger, key) if config.sweep.id else None
    if earlier and not _again(earlier, config.sweep.rerun):
        ledger.add(earlier)
        return earlier
    job = Job(cell, key, ledger.tracker, session.tags(config.sweep), config_yaml, _now_ms())
    try:
        result = run_cell(cell)
    except (KeyboardInterrupt, SystemExit):
        stopped = Failure(FailureKind.INTERRUPTED, "The sweep was stopped while this cell ran.")
        ledger.add(_written(job, stopped))
        raise
    outcome = _written(job, result)
    if earlier and outcome.has_numbers:
        _supersede(ledger.tracker, earlier, outcome)
    ledger.add(outcome)
    return outcome


def tracker_of(tracking: TrackingConfig, experiment: str | None) -> Tracker:
    """The configured store, with the runs ended that processes left behind when they were killed.

    Raises:
        TrackingError: the store cannot be used.
    """
    tracker = open_tracker(tracking.uri, Path(tracking.root), experiment)
    for line in tracker.end_abandoned(time.time()):
        print(line, flush=True)
    return tracker


def refused(config: RunConfig, error: PerfexpError, ledger: SweepProgress) -> Outcome:
    """A combination of a sweep that describes no cell: a line in the table, not a run."""
    outcome = Outcome(config.model.name, config.backend.name, config.batch_size, REFUSED, str(error))
    ledger.add(outcome)
    return outcome


def _earlier(ledger: SweepProgress, key: str) -> Outcome | None:
    """The cell's finished run; a store that has gone meanwhile tells of none, and the sweep goes on."""
    try:
        return ledger.finished.find(key)
    except TrackingError as error:
        print(f"{error} The cell is measured whether it was before or not.", file=sys.stderr, flush=True)
        return None


def _again(earlier: Outcome, rerun: Rerun) -> bool:
    return rerun == Rerun.all or (rerun == Rerun.tainted and earlier.tags.get("verdict") == TAINTED)


def _supersede(tracker: Tracker, earlier: Outcome, outcome: Outcome) -> None:
    """In one sweep a cell has one run: what it replaces is no longer of the kind ``cell``."""
    if earlier.run_id and earlier.tags.get("sweep_id") == outcome.tags.get("sweep_id"):
        try:
            tracker.tag(earlier.run_id, "kind", "superseded")
        except TrackingError as error:
            print(f"{error} The run {earlier.run_id} stays beside the new one.", file=sys.stderr, flush=True)


def _written(job: Job, result: Measurement | Failure) -> Outcome:
    facts = {**environment.snapshot(), **result.environment}
    draft = cell_run(job.cell, job.key, result, job.started_ms, job.config_yaml, job.tags, facts)
    run_id = job.tracker.keep(draft)
    found = result.metrics if isinstance(result, Measurement) else {}
    measured = isinstance(result, Measurement)
    return Outcome(
        model=job.cell.model.name,
        backend=job.cell.backend.name,
        batch_size=job.cell.batch_size,
        status=FINISHED if measured else draft.status,
        reason="" if measured else draft.tags["reason"],
        run_id=run_id,
        metrics={k: found[k] for k in METRICS if k in found},
        tags={k: draft.tags[k] for k in TAGS if k in draft.tags},
    )


def _now_ms() -> int:
    return int(time.time() * 1000)
