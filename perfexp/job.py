"""One Hydra job: a cell is measured and becomes a run."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from perfexp import cells, checkpoints, sweep
from perfexp.config import Cell, RunConfig
from perfexp.drafts import draft_cell
from perfexp.errors import PerfexpError
from perfexp.measure import environment
from perfexp.records import Failure, FailureKind, Measurement
from perfexp.sweep import FINISHED, Ledger, Outcome
from perfexp.tracking import Tracker, open_tracker
from perfexp.worker import run_cell


@dataclass(frozen=True)
class Job:
    """A cell and what its run will need besides the measurement."""

    cell: Cell
    key: str
    tracker: Tracker
    tags: dict[str, str]
    config_yaml: str
    started_ms: int


def run(config: RunConfig, config_yaml: str, ledger: Ledger) -> Outcome:
    """Measure the configured cell, write its run, and put the outcome into the ledger.

    Raises:
        ConfigError, BackendError, ModelError: the configuration describes no cell.
        TrackingError: the store cannot be used.
    """
    weights = checkpoints.local(config.weights, config.tracking)
    cell = cells.from_config(replace(config, weights=weights))
    key = cells.key(cell)
    ledger.sweep = config.in_sweep
    if ledger.tracker is None:
        ledger.tracker = open_tracker(config.tracking.uri, Path(config.tracking.root), config.experiment)
    job = Job(cell, key, ledger.tracker, sweep.tags(config.in_sweep), config_yaml, _now_ms())
    try:
        result = run_cell(cell)
    except (KeyboardInterrupt, SystemExit):
        stopped = Failure(FailureKind.INTERRUPTED, "The sweep was stopped while this cell ran.")
        ledger.add(_written(job, stopped))
        raise
    outcome = _written(job, result)
    ledger.add(outcome)
    print(ledger.progress(outcome, config.in_sweep.total), flush=True)
    return outcome


def refused(config: RunConfig, error: PerfexpError, ledger: Ledger) -> Outcome:
    """A combination of a sweep that describes no cell: a line in the table, not a run."""
    outcome = Outcome(config.model.name, config.backend.name, config.batch_size, "REFUSED", str(error))
    ledger.add(outcome)
    print(ledger.progress(outcome, config.in_sweep.total), flush=True)
    return outcome


def _written(job: Job, result: Measurement | Failure) -> Outcome:
    facts = {**environment.snapshot(), **result.environment}
    draft = draft_cell(job.cell, job.key, result, job.started_ms, job.config_yaml, job.tags, facts)
    run_id = job.tracker.keep(draft)
    measured = isinstance(result, Measurement)
    return Outcome(
        model=job.cell.model.name,
        backend=job.cell.backend.name,
        batch_size=job.cell.batch_size,
        status=FINISHED if measured else draft.status,
        reason="" if measured else draft.tags["reason"],
        run_id=run_id,
        metrics=result.metrics if isinstance(result, Measurement) else {},
        tags=draft.tags,
    )


def _now_ms() -> int:
    return int(time.time() * 1000)
