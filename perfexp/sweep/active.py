"""An active sweep: each next cell is the one whose interval is widest for its cost."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from perfexp.analysis.spreadsheet import as_csv
from perfexp.cache import Cache
from perfexp.charts import learning_curve
from perfexp.config.schema import InputFit
from perfexp.console import say
from perfexp.errors import ConfigError
from perfexp.prediction import acquisition
from perfexp.prediction.acquisition import Budget, Step
from perfexp.prediction.model import linear
from perfexp.prediction.model.backend_model import MIN_MODELS
from perfexp.prediction.pool import Pool
from perfexp.records import FINISHED, SKIPPED, Outcome, RunKind
from perfexp.store.run_data import RunData
from perfexp.sweep.jobs import grid
from perfexp.sweep.jobs.grid import Job
from perfexp.sweep.jobs.model_facts import Network, describe
from perfexp.sweep.progress import SweepProgress

Launch = Callable[[Job], Outcome]


class Candidates:
    """A sweep's jobs by backend, in the order of the cells of that backend's pool."""

    def __init__(self, jobs: Sequence[Job], networks: dict[str, Network], launch: Launch) -> None:
        self._launch = launch
        self.jobs: dict[str, list[Job]] = {}
        for job in jobs:
            self.jobs.setdefault(job["backend"].strip("'\""), []).append(job)
        self.pools = {name: Pool.of(_cells(group, networks)) for name, group in self.jobs.items()}
        self._took_s = {name: np.full(len(group), np.nan) for name, group in self.jobs.items()}

    def measure(self, backend: str, cell: int) -> tuple[float | None, float]:
        """Run a job; return its latency in ms, None for a failed or tainted cell, and its seconds."""
        began = time.monotonic()
        outcome = self._launch(self.jobs[backend][cell])
        took_s = time.monotonic() - began
        if outcome.status != SKIPPED:  # looking a finished cell up tells nothing of what cells cost
            self._took_s[backend][cell] = took_s
        sound = outcome.has_numbers and not outcome.tainted
        return outcome.metrics.get("latency_p50_ms") if sound else None, took_s

    def costs(self, backend: str, pool: Pool) -> linear.Array:
        """Return the seconds that each cell's run should take, fitted to those that ran; equal at first."""
        took_s = self._took_s[backend]
        known = np.isfinite(took_s)
        if pool.cells.loc[known, "model"].nunique() < MIN_MODELS:
            return np.ones(len(pool.cells))
        fitted = linear.fit(linear.MACS_ONLY, pool.cells[known], took_s[known])
        return fitted.predict(pool.cells)


def explore(
    config: DictConfig, jobs: Sequence[Job], limits: Budget, launch: Launch, progress: SweepProgress
) -> None:
    """Measure until the budget is spent or the error is small enough, and log the trace as a run.

    The error is that of predictions of families left out. The store of ``progress`` is open.

    Raises:
        ConfigError: the jobs differ in more than model, backend and batch size.
        ModelError: a network cannot be traced.
        TrackingError: neither the store nor the spool could take the trace.
    """
    assert progress.tracker is not None, "the store is opened first"
    keys = {key for job in jobs for key in job}
    varied = {key for key in keys if len({job.get(key) for job in jobs}) > 1}
    if other := varied - {"model", "backend", "batch_size"}:
        raise ConfigError(
            f"An active sweep chooses among model, backend and batch_size, but {', '.join(sorted(other))} "
            "is swept too; give it one value."
        )
    began, choices = time.time(), config.hydra.runtime.choices
    shared = {"model": config.model.name, "backend": choices.backend, "batch_size": str(config.batch_size)}
    full = [{**shared, **job} for job in jobs]
    candidates = Candidates(full, _networks(config, full), launch)
    pick = acquisition.widest(candidates.costs)
    steps: list[Step] = []
    try:
        for step in acquisition.acquire(candidates.pools, candidates.measure, limits, pick):
            steps.append(step)
    finally:  # a trace that was interrupted is one too
        if steps:
            run_id = progress.tracker.submit(_trace_run(candidates, steps, progress.sweep.tags(), began))
            say(_summary(steps, len(full), run_id), flush=True)


def _networks(config: DictConfig, jobs: Sequence[Job]) -> dict[str, Network]:
    """Return the jobs' networks, at the input size that all jobs share."""
    shared = {"input_size": config.input_size, "input_fit": config.input_fit, **jobs[0]}
    size = None if shared["input_size"] in (None, "null") else int(shared["input_size"])
    cache = Cache((Path(config.tracking.root) / "cache").resolve())
    names = sorted({grid.model(job) for job in jobs})
    return describe(names, size, InputFit(shared["input_fit"]), cache)


def _summary(steps: Sequence[Step], total: int, run_id: str | None) -> str:
    known = [step.error_percent for step in steps if np.isfinite(step.error_percent)]
    error = (
        f"median error {known[-1]:.1f} % with a family held out" if known else "too few cells for an error"
    )
    trace = f"; the trace is run {run_id}" if run_id else ""
    return f"Measured {len(steps)} of {total} cells: {error}{trace}."


def _trace_run(candidates: Candidates, steps: Sequence[Step], tags: dict[str, str], began: float) -> RunData:
    """Return the trace and its figure as a run of the kind ``active``."""
    trace = acquisition.trace(steps)
    known = [step for step in steps if np.isfinite(step.error_percent)]
    total = sum(map(len, candidates.jobs.values()))
    jobs = [candidates.jobs[step.backend][step.cell] for step in steps]
    table = trace.assign(job=[" ".join(f"{k}={v}" for k, v in job.items()) for job in jobs])
    return RunData(
        name=f"active sweep of {total} cells",
        status=FINISHED,
        started_ms=int(began * 1000),
        metrics=[
            *(("error_percent", step.error_percent, step.runs) for step in known),
            *(("cost_s", step.cost, step.runs) for step in steps),
            ("share_of_runs_percent", 100 * len(steps) / total, 0),
        ],
        params={"cells": str(total), "runs": str(len(steps))},
        tags={**tags, "kind": RunKind.ACTIVE},
        files={
            "trace.csv": as_csv(table),
            "trace.png": learning_curve.png({"this sweep": trace}, total),
        },
    )


def _cells(jobs: Sequence[Job], networks: dict[str, Network]) -> pd.DataFrame:
    rows = [
        {"model": name, **networks[name], "batch_size": int(job["batch_size"])}
        for job in jobs
        for name in [grid.model(job)]
    ]
    return linear.with_totals(pd.DataFrame(rows))
