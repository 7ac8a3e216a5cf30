"""Select the cell to measure next: the one with the largest variance for its cost.

The variances are those of a Gaussian process of the log residuals. They depend on the measured
values only through the process' scales, so that the first cells are selected by the same rule,
under its prior (D. MacKay, "Information-based objective functions for active data selection",
Neural Computation 4, 1992). Backends are independent: the one with the least cost so far is next.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from perfexp.prediction.model.linear import Array
from perfexp.prediction.pool import Pool


@dataclass(frozen=True)
class Budget:
    """When to stop: at a number of runs, a cost, or a median error in percent; None for no limit."""

    runs: int | None = None
    cost: float | None = None
    error_percent: float | None = None


@dataclass(frozen=True)
class Step:
    """One line of a trace: the measured cell, and the totals after it.

    ``error_percent`` is NaN where it was not computed.
    """

    backend: str
    cell: int
    runs: int
    cost: float
    error_percent: float


Pools = Mapping[str, Pool]
Spent = Mapping[str, float]
Measure = Callable[[str, int], tuple[float | None, float]]
"""From a backend and a cell of its pool to a latency in ms, None where the run failed, and a cost."""
Pick = Callable[[Pools, Spent], tuple[str, int]]
"""From the pools and each one's cost so far to a backend and a cell of its pool."""


def acquire(
    pools: Pools,
    measure: Measure,
    budget: Budget,
    pick: Pick,
    error_of: Callable[[Pools], float] | None = None,
    every: int = 5,
) -> Iterator[Step]:
    """Measure cells until the budget is spent, the error is small enough, or none is left; yield each.

    Args:
        pools: one per backend; measurements are added to them.
        measure: runs one cell.
        budget: when to stop.
        pick: the next cell: :func:`widest`, or :func:`at_random` to compare with.
        error_of: the error in percent; by default the largest of the pools' errors.
        every: the error is computed after each so many runs, and after the last.
    """
    error_of = error_of or worst
    runs, spent = 0, dict.fromkeys(pools, 0.0)
    while any(pool.open.any() for pool in pools.values()) and not _exhausted(budget, runs, spent):
        backend, cell = pick(pools, spent)
        latency_ms, cost = measure(backend, cell)
        spent[backend] += cost
        pools[backend].learn(cell, latency_ms)
        runs += 1
        last = _exhausted(budget, runs, spent) or not any(pool.open.any() for pool in pools.values())
        error = error_of(pools) if last or runs % every == 0 else float("nan")
        yield Step(backend, cell, runs, sum(spent.values()), error)
        if budget.error_percent is not None and error <= budget.error_percent:
            return


def worst(pools: Pools) -> float:
    """Return the largest of the pools' errors; NaN while one is unknown."""
    return float(np.max([pool.error_percent() for pool in pools.values()]))


def widest(costs: Callable[[str, Pool], Array]) -> Pick:
    """Return a pick of the cell with the largest variance for its cost, as ``costs`` estimates it."""

    def pick(pools: Pools, spent: Spent) -> tuple[str, int]:
        backend = min((name for name, pool in pools.items() if pool.open.any()), key=lambda name: spent[name])
        pool = pools[backend]
        return backend, int((pool.variance() / costs(backend, pool)).argmax())

    return pick


def at_random(seed: int) -> Pick:
    """Return a pick of any cell that is left, for comparison."""
    random = np.random.default_rng(seed)

    def pick(pools: Pools, _spent: Spent) -> tuple[str, int]:
        left = [(name, int(cell)) for name, pool in pools.items() for cell in np.flatnonzero(pool.open)]
        return left[random.integers(len(left))]

    return pick


def trace(steps: Sequence[Step]) -> pd.DataFrame:
    """Return the steps as a table: ``backend, cell, runs, cost, error_percent``."""
    return pd.DataFrame([asdict(step) for step in steps], columns=[field.name for field in fields(Step)])


def _exhausted(budget: Budget, runs: int, spent: Spent) -> bool:
    return (budget.runs is not None and runs >= budget.runs) or (
        budget.cost is not None and sum(spent.values()) >= budget.cost
    )
