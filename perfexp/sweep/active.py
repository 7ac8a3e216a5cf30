"""An active sweep: after each cell the one whose interval is widest for its cost is next."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from perfexp.cache import Cache
from perfexp.charts import learning_curve
from perfexp.config.schema import InputFit
from perfexp.errors import ConfigError
from perfexp.measure.certificate import TAINTED
from perfexp.outcomes import Outcome
from perfexp.prediction import acquisition
from perfexp.prediction.acquisition import Budget, Step
from perfexp.prediction.model import linear
from perfexp.prediction.model.backend_model import MIN_MODELS
from perfexp.prediction.pool import Pool
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker
from perfexp.sweep import grid, session
from perfexp.sweep.networks import Network, describe
from perfexp.sweep.progress import current

if TYPE_CHECKING:
    from perfexp.sweep.grid import Job

Launch = Callable[["Job"], "Outcome | None"]


class Candidates:
    """A sweep's jobs as pools of cells, one a backend, and what their runs took.

    Attributes:
        jobs: by backend, in the order of the pool's cells.
        pools: what is known of them.
    """

    def __init__(self, jobs: "Sequence[Job]", networks: dict[str, Network]) -> None:
        self.jobs: dict[str, list[Job]] = {}
        for job in jobs:
            self.jobs.setdefault(job["backend"].strip("'\""), []).append(job)
        self.pools = {name: Pool.of(_cells(own, networks)) for name, own in self.jobs.items()}
        self._took_s = {name: np.full(len(own), np.nan) for name, own in self.jobs.items()}

    def measure(self, launch: Launch) -> acquisition.Measure:
        """Runs a job; a cell that failed, or whose measurement is tainted, tells nothing."""

        def measured(backend: str, cell: int) -> tuple[float | None, float]:
            began = time.monotonic()
            outcome = launch(self.jobs[backend][cell])
            took_s = time.monotonic() - began
            self._took_s[backend][cell] = took_s
            sound = outcome is not None and outcome.has_numbers and outcome.tags.get("verdict") != TAINTED
            return (outcome.metrics.get("latency_p50_ms") if outcome and sound else None), took_s

        return measured

    def costs(self, backend: str, pool: Pool) -> linear.Array:
        """Seconds that each cell's run is expected to take, from those that ran; first all alike."""
        took_s = self._took_s[backend]
        there = np.isfinite(took_s)
        if pool.cells.loc[there, "model"].nunique() < MIN_MODELS:
            return np.ones(len(pool.cells))
        fitted = linear.fit(linear.MACS_ONLY, pool.cells[there], took_s[there])
        return fitted.predict(pool.cells)


def explore(
    config: DictConfig,
    jobs: "Sequence[Job]",
    runs: int | None,
    minutes: float | None,
    error_percent: float | None,
    launch: Launch,
) -> None:
    """Measure until the budget is spent or the error is small enough, and log the trace as a run.

    Args:
        config: of the sweep.
        jobs: all that could be measured.
        runs: how many at most.
        minutes: how long at most; the cell that is being measured then is the last.
        error_percent: of the predictions of families left out.
        launch: runs a job.

    Raises:
        ConfigError: the jobs differ in more than model, backend and batch size.
        ModelError: a network cannot be traced.
        TrackingError: neither the store nor the spool could take the trace.
    """
    _check(jobs)
    began, chosen = time.time(), config.hydra.runtime.choices
    usual = {"model": config.model.name, "backend": chosen.backend, "batch_size": str(config.batch_size)}
    whole = [{**usual, **job} for job in jobs]
    candidates = Candidates(whole, _networks(config, whole))
    budget = Budget(runs, None if minutes is None else 60 * minutes, error_percent)
    pick = acquisition.widest(candidates.costs)
    steps = acquisition.acquire(candidates.pools, candidates.measure(launch), budget, pick)
    tracker = current.tracker
    assert tracker is not None
    run_id = _write(tracker, candidates, steps, session.tags(current.sweep), began)
    print(_told(steps, len(whole), run_id), flush=True)


def _networks(config: DictConfig, jobs: "Sequence[Job]") -> dict[str, Network]:
    """What the jobs' models do, at the input size that all of them share."""
    shared = {"input_size": config.input_size, "input_fit": config.input_fit, **jobs[0]}
    size = None if shared["input_size"] in (None, "null") else int(shared["input_size"])
    cache = Cache((Path(config.tracking.root) / "cache").resolve())
    names = sorted({grid.model(job) for job in jobs})
    return describe(names, size, InputFit(shared["input_fit"]), cache)


def _check(jobs: "Sequence[Job]") -> None:
    varied = {key for key in jobs[0] if len({job.get(key) for job in jobs}) > 1}
    other = varied - {"model", "backend", "batch_size"}
    if other:
        raise ConfigError(
            f"An active sweep chooses among model, backend and batch_size, but {', '.join(sorted(other))} "
            "is swept too; give it one value."
        )


def _told(steps: Sequence[Step], every: int, run_id: str | None) -> str:
    told = [step.error_percent for step in steps if np.isfinite(step.error_percent)]
    error = f"median error {told[-1]:.1f} % with a family held out" if told else "too few to tell an error"
    kept = f"; the trace is run {run_id}" if run_id else ""
    return f"Measured {len(steps)} of {every} cells: {error}{kept}."


def _write(
    tracker: Tracker, candidates: Candidates, steps: Sequence[Step], tags: dict[str, str], began: float
) -> str | None:
    """Keep the trace, with its picture, as a run of the kind ``active``; returns its id, if it has one yet.

    Raises:
        TrackingError: neither the store nor the spool could take it.
    """
    trace = acquisition.trace(steps)
    told = [step for step in steps if np.isfinite(step.error_percent)]
    every = sum(map(len, candidates.jobs.values()))
    names = [candidates.jobs[step.backend][step.cell] for step in steps]
    table = trace.assign(job=[" ".join(f"{k}={v}" for k, v in job.items()) for job in names])
    picture = learning_curve.png({"this sweep": trace}, every)
    return tracker.keep(
        RunData(
            name=f"active sweep of {every} cells",
            status="FINISHED",
            started_ms=int(began * 1000),
            metrics=[
                *(("error_percent", step.error_percent, step.runs) for step in told),
                *(("cost_s", step.cost, step.runs) for step in steps),
                ("share_of_runs_percent", 100 * len(steps) / every, 0),
            ],
            params={"cells": str(every), "runs": str(len(steps))},
            tags={**tags, "kind": "active"},
            files={"trace.csv": table.to_csv(index=False), "trace.png": picture},
        )
    )


def _cells(jobs: "Sequence[Job]", networks: dict[str, Network]) -> pd.DataFrame:
    rows = []
    for job in jobs:
        name = grid.model(job)
        one = networks[name]
        rows.append(
            {"model": name, "family": one.family, **one.features, "batch_size": int(job["batch_size"])}
        )
    return linear.with_totals(pd.DataFrame(rows))
