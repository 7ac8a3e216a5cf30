"""Which cell to measure next: the one whose interval is widest for its cost.

How wide intervals are is told by the variances of a Gaussian process of the log residuals. They do
not depend on what is measured but for the process' scales, so that the first cells are chosen by
the same rule, under its prior (D. MacKay, "Information-based objective functions for active data
selection", Neural Computation 4, 1992). Each backend is a question of its own: the one that was
given least so far is next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.prediction import correction, physics, process
from perfexp.analysis.prediction.correction import inputs_of, log_features
from perfexp.analysis.prediction.fitted import FEWEST_MODELS
from perfexp.analysis.prediction.physics import BY_KIND, Array
from perfexp.analysis.prediction.predictor import FEWEST_GROUPS

_GROWTH = 1.1
"""The process is fitted again when it knows this many times more cells than when it was last."""


@dataclass(frozen=True)
class Budget:
    """When to stop: after so many runs or so much cost, or at a median error in percent; None never."""

    runs: int | None = None
    cost: float | None = None
    error_percent: float | None = None


@dataclass
class Pool:
    """All cells that could be measured on one backend, and what is known of them.

    Attributes:
        cells: features and totals, ``model, family, batch_size``.
        latency_ms: NaN where a cell was not measured, shape ``(N,)``.
        barred: cells whose run failed, shape ``(N,)``.
    """

    cells: pd.DataFrame
    latency_ms: Array
    barred: NDArray[np.bool_]
    seed: int = 0
    _scales: Array = field(default_factory=process.TYPICAL.copy)
    _covariance: Array = field(default_factory=lambda: np.empty((0, 0)))
    _fitted_on: int = 0

    @classmethod
    def of(cls, cells: pd.DataFrame, seed: int = 0) -> "Pool":
        """A pool of which nothing is known."""
        return cls(
            cells.reset_index(drop=True), np.full(len(cells), np.nan), np.zeros(len(cells), bool), seed
        )

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which cells were measured, shape ``(N,)``."""
        return np.isfinite(self.latency_ms)

    def variance(self) -> Array:
        """Of each cell's log latency, beyond noise, shape ``(N,)``; −inf where none is to be measured.

        A run that failed counts as one: what failed here would fail nearby too.
        """
        self._refit()
        known = np.flatnonzero(~self.open)
        left = self._covariance.diagonal()
        if len(known):
            across = self._covariance[:, known]
            inner = across[known] + np.exp(2 * self._scales[process.NOISE]) * np.eye(len(known))
            left = left - (across * np.linalg.solve(inner, across.T).T).sum(axis=1)
        return np.where(self.open, np.maximum(left, 0), -np.inf)

    @property
    def open(self) -> NDArray[np.bool_]:
        """Which cells can still be measured, shape ``(N,)``."""
        return ~self.known & ~self.barred

    def predict(self, without: "NDArray[np.bool_] | None" = None) -> Array:
        """Latency of every cell in ms, learned from those known and not in ``without``, shape ``(N,)``."""
        learned = self.known if without is None else self.known & ~without
        latency = self.latency_ms[learned]
        train = self.cells[learned]
        fitted = physics.fit(BY_KIND, train, latency)
        left = np.log(latency / fitted.predict(train))
        learned_left = correction.learn("process", train, left, self.seed)
        return fitted.predict(self.cells) * learned_left.factor(self.cells)

    def by_family(self) -> Array:
        """Every cell predicted without the runs of its family, shape ``(N,)``; NaN with too few models."""
        families = self.cells["family"].to_numpy(str)
        measured = self.cells[self.known]
        few = measured["model"].nunique() < FEWEST_MODELS or measured["family"].nunique() <= FEWEST_GROUPS
        found = np.full(len(self.cells), np.nan)
        for family in () if few else np.unique(families):
            own = families == family
            found[own] = self.predict(own)[own]
        return found

    def error_percent(self) -> float:
        """Median absolute error over the measured cells, each predicted without its family; or NaN."""
        found, known = self.by_family(), self.known
        if np.isnan(found).all():
            return float("nan")
        return float(100 * np.median(np.abs(found[known] / self.latency_ms[known] - 1)))

    def learn(self, cell: int, latency_ms: float | None) -> None:
        """Take in what a run told; None where it failed, and the cell is not tried again."""
        if latency_ms is None:
            self.barred[cell] = True
        else:
            self.latency_ms[cell] = latency_ms

    def _refit(self) -> None:
        count = int(self.known.sum())
        features = inputs_of(log_features(self.cells))
        if count >= FEWEST_MODELS and count >= _GROWTH * self._fitted_on:
            train, latency = self.cells[self.known], self.latency_ms[self.known]
            left = np.log(latency / physics.fit(BY_KIND, train, latency).predict(train))
            self._scales = process.fit(features.part(np.flatnonzero(self.known)), left, self.seed).scales
            self._fitted_on, self._covariance = count, np.empty((0, 0))
        if not self._covariance.size:
            self._covariance = process.covariance(features, self._scales)


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
