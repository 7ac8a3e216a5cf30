"""One Hydra job: measure a cell and write its run."""

import sys
import time
from dataclasses import replace
from pathlib import Path

from perfexp import cell as cells
from perfexp import environment
from perfexp.config.schema import Cell, Rerun, RunConfig, TrackingConfig
from perfexp.errors import PerfexpError, TrackingError
from perfexp.records import (
    OUTCOME_METRICS,
    REFUSED,
    Failure,
    FailureKind,
    Measurement,
    Outcome,
    RunKind,
    Verdict,
)
from perfexp.store import artifacts
from perfexp.store.build import cell_run
from perfexp.store.tracker import Tracker, open_tracker
from perfexp.sweep.progress import SweepProgress
from perfexp.worker.run import run_cell


def run(config: RunConfig, config_yaml: str, progress: SweepProgress) -> Outcome:
    """Measure the configured cell, write its run, and add the outcome to the progress.

    A sweep's cell that was measured before is not measured again, unless ``sweep.rerun`` says so.

    Raises:
        ConfigError, BackendError, ModelError: the configuration describes no cell.
        TrackingError: the store cannot be used.
    """
    weights = artifacts.local(config.weights, config.tracking)
    cell = cells.from_config(replace(config, weights=weights))
    key = cells.key(cell)
    progress.begin(cell.title)
    progress.sweep = config.sweep
    if progress.tracker is None:
        progress.tracker = open_store(config.tracking, config.experiment)
    earlier = _earlier(progress, key) if config.sweep.id else None
    if earlier and not _again(earlier, config.sweep.rerun):
        progress.add(earlier)
        return earlier
    started_ms, stopped = int(time.time() * 1000), None
    try:
        result = run_cell(cell)
    except (KeyboardInterrupt, SystemExit) as stop:
        result, stopped = Failure(FailureKind.INTERRUPTED, "The sweep was stopped while this cell ran."), stop
    facts = {**environment.snapshot(), **result.environment}
    files = {"samples.png": _figure(cell, result)} if isinstance(result, Measurement) else {}
    draft = cell_run(cell, key, result, started_ms, config_yaml, config.sweep.tags(), facts, files)
    outcome = draft.outcome(cell, progress.tracker.submit(draft), OUTCOME_METRICS)
    if earlier and outcome.has_numbers:
        _supersede(progress.tracker, earlier, outcome)
    progress.add(outcome)
    if stopped:
        raise stopped
    return outcome


def open_store(tracking: TrackingConfig, experiment: str | None) -> Tracker:
    """Open the configured store, and end the runs of processes that were killed.

    Raises:
        TrackingError: the store cannot be used.
    """
    tracker = open_tracker(tracking.uri, Path(tracking.root), experiment)
    for line in tracker.end_abandoned(time.time()):
        print(line, flush=True)
    return tracker


def refused(config: RunConfig, error: PerfexpError, progress: SweepProgress) -> Outcome:
    """Add a combination that describes no cell: a line in the table, not a run."""
    outcome = Outcome(config.model.name, config.backend.name, config.batch_size, REFUSED, str(error))
    progress.add(outcome)
    return outcome


def _earlier(progress: SweepProgress, key: str) -> Outcome | None:
    """Return the cell's finished run; None if there is none, or if the store is gone meanwhile."""
    try:
        return progress.finished.find(key)
    except TrackingError as error:
        print(f"{error} The cell is measured whether it was before or not.", file=sys.stderr, flush=True)
        return None


def _again(earlier: Outcome, rerun: Rerun) -> bool:
    tainted = earlier.tags.get("verdict") == Verdict.TAINTED
    return rerun == Rerun.all or (rerun == Rerun.tainted and tainted)


def _supersede(tracker: Tracker, earlier: Outcome, outcome: Outcome) -> None:
    """Keep one run a cell in a sweep: the earlier one is no longer of the kind ``cell``."""
    if earlier.run_id and earlier.tags.get("sweep_id") == outcome.tags.get("sweep_id"):
        try:
            tracker.tag(earlier.run_id, "kind", RunKind.SUPERSEDED)
        except TrackingError as error:
            print(f"{error} The run {earlier.run_id} stays beside the new one.", file=sys.stderr, flush=True)


def _figure(cell: Cell, result: Measurement) -> bytes:
    from perfexp.charts import samples

    low, high = (result.metrics.get(f"latency_p50_{end}_ms") for end in ("low", "high"))
    interval = None if low is None or high is None else (low, high)
    return samples.draw(result.samples_ms, result.warmup_ms, cell.title, interval)
