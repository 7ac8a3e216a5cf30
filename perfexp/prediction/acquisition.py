"""Which cell to measure next: the one whose interval is widest for its cost.

How wide intervals are is told by the variances of a Gaussian process of the log residuals. They do
not depend on what is measured but for the process' scales, so that the first cells are chosen by
the same rule, under its prior (D. MacKay, "Information-based objective functions for active data
selection", Neural Computation 4, 1992). Each backend is a question of its own: the one that was
given least so far is next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from perfexp.prediction.model.linear import Array
from perfexp.prediction.pool import Pool


@dataclass(frozen=True)
class Budget:
    """When to stop: after so many runs or so much cost, or at a median error in percent; None never."""

    runs: int | None = None
    cost: float | None = None
    error_percent: float | None = None


@dataclass(frozen=True)
class Step:
    """One line of a trace: what was measured, and what is known after it.

    ``error_percent`` is NaN between the steps that tell it.
    """

    backend: str
    cell: int
    runs: int
    cost: float
    error_percent: float


Pools = Mapping[str, Pool]
Spent = Mapping[str, float]
Measure = Callable[[str, int], tuple[float | None, float]]
"""From a backend and a place in its pool to a latency in ms, None where the run failed, and a cost."""
Pick = Callable[[Pools, Spent], tuple[str, int]]
"""From the pools and each one's cost so far to a backend and a place in its pool."""


def acquire(
    pools: Pools,
    measure: Measure,
    budget: Budget,
    pick: Pick,
    error_of: Callable[[Pools], float] | None = None,
    every: int = 5,
) -> list[Step]:
    """Measure cell after cell until the budget is spent, the error is small enough, or none is left.

    Args:
        pools: one a backend; they learn what is measured.
        measure: runs one cell.
        budget: when to stop.
        pick: the next cell: :func:`widest`, or :func:`at_random` to compare with.
        error_of: the error in percent; by default the worst of the pools' own.
        every: the error is told after so many runs each, and after the last.
    """
    error_of = error_of or worst
    steps: list[Step] = []
    spent = dict.fromkeys(pools, 0.0)
    while any(pool.open.any() for pool in pools.values()) and not _exhausted(budget, len(steps), spent):
        backend, cell = pick(pools, spent)
        latency_ms, cost = measure(backend, cell)
        spent[backend] += cost
        pools[backend].learn(cell, latency_ms)
        runs = len(steps) + 1
        last = _exhausted(budget, runs, spent) or not any(pool.open.any() for pool in pools.values())
        error = error_of(pools) if last or runs % every == 0 else float("nan")
        steps.append(Step(backend, cell, runs, sum(spent.values()), error))
        if budget.error_percent is not None and error <= budget.error_percent:
            break
    return steps


def worst(pools: Pools) -> float:
    """The largest of the pools' errors; NaN while one is not known."""
    return float(np.max([pool.error_percent() for pool in pools.values()]))


def widest(costs: Callable[[str, Pool], Array]) -> Pick:
    """Picks the cell of the largest variance for its cost, by what ``costs`` expects of every cell."""

    def pick(pools: Pools, spent: Spent) -> tuple[str, int]:
        backend = min((name for name, pool in pools.items() if pool.open.any()), key=lambda name: spent[name])
        pool = pools[backend]
        return backend, int((pool.variance() / costs(backend, pool)).argmax())

    return pick


def at_random(seed: int) -> Pick:
    """Picks any cell that is left."""
    random = np.random.default_rng(seed)

    def pick(pools: Pools, _spent: Spent) -> tuple[str, int]:
        left = [(name, int(cell)) for name, pool in pools.items() for cell in np.flatnonzero(pool.open)]
        return left[random.integers(len(left))]

    return pick


def trace(steps: Sequence[Step]) -> pd.DataFrame:
    """The steps as a table: ``backend, cell, runs, cost, error_percent``."""
    return pd.DataFrame([asdict(step) for step in steps], columns=[field.name for field in fields(Step)])


def _exhausted(budget: Budget, runs: int, spent: Spent) -> bool:
    return (budget.runs is not None and runs >= budget.runs) or (
        budget.cost is not None and sum(spent.values()) >= budget.cost
    )
