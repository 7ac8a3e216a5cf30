"""Predictions of cells whose model or family was left out, and what is needed to judge them.

Every candidate is fitted without each pair of folds of groups, (i, j), and without each fold alone,
(i, i). What is used for fold i is weighed and scored by the fits without (i, j), on j: neither the
weights nor an interval knows anything of the cells that it is made for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.prediction.model import conformal
from perfexp.prediction.model.ensemble import CANDIDATES, fit, fold, pooled, weigh
from perfexp.prediction.model.linear import Array

_FOLDS, _FOLDS_OF_FEW, _FEW = 9, 17, 60
_FINEST = 1e-4  # no clock repeats a latency more closely
Folds = NDArray[np.int64]


@dataclass(frozen=True)
class HeldOut:
    """Every cell, predicted without its group.

    Attributes:
        groups: what was left out together, shape ``(N,)``.
        folds: the fold that each cell is in, shape ``(N,)``.
        measured: log latency, shape ``(N,)``.
        logs: log predictions of C candidates by fits that had seen neither fold f nor the cell's
            own, shape ``(C, F, N)``.
    """

    groups: NDArray[np.str_]
    folds: Folds
    measured: Array
    logs: Array

    @property
    def own(self) -> Array:
        """Log predictions by fits without the cell's own fold alone, shape ``(C, N)``."""
        return np.asarray(self.logs[:, self.folds, np.arange(len(self.folds))])

    def weights(self, without: int | None = None) -> Array:
        """The candidates weighed on all groups, or on those that are not in a fold, shape ``(C,)``."""
        logs = self.own if without is None else self.logs[:, without]
        errors = np.abs(logs - self.measured)
        there = np.ones(len(self.folds), dtype=bool) if without is None else self.folds != without
        return weigh(errors[:, there], self.groups[there])

    def predict(self) -> Array:
        """Latency in ms, shape ``(N,)``, by candidates weighed without the cell's fold."""
        return np.asarray(np.exp(self._by_fold(lambda i, own: pooled(self.logs[:, i, own], self.weights(i)))))

    def reach(self, coverage: float) -> Array:
        """How far each cell's interval goes in logs, by scores that know nothing of the cell."""
        return self._by_fold(lambda i, own: self._reach(i, own, coverage))

    def scores(self) -> tuple[Array, float]:
        """Each cell's score with the overall weights, shape ``(N,)``, and the usual error in logs."""
        return _scored(self.own, self.measured, self.weights())

    def _reach(self, without: int, own: NDArray[np.bool_], coverage: float) -> Array:
        logs = self.logs[:, without]
        scores, usual = _scored(logs[:, ~own], self.measured[~own], self.weights(without))
        level = conformal.quantile(scores, self.groups[~own], coverage)
        return level * conformal.spread(logs[:, own], usual)

    def _by_fold(self, value: Callable[[int, NDArray[np.bool_]], Array]) -> Array:
        found = np.empty(len(self.folds))
        for index in range(int(self.folds.max()) + 1):
            own = self.folds == index
            found[own] = value(index, own)
        return found


def _scored(logs: Array, measured: Array, weights: Array) -> tuple[Array, float]:
    errors = np.abs(pooled(logs, weights) - measured)
    usual = max(float(np.median(errors)), _FINEST)
    return errors / conformal.spread(logs, usual), usual


def leave_out(
    cells: pd.DataFrame, groups: NDArray[np.str_], seed: int, advance: Callable[[], None] = lambda: None
) -> HeldOut:
    """Leave out groups, shape ``(N,)``, in pairs of folds.

    Args:
        cells: features and totals, ``batch_size`` and ``latency_ms``, one row a cell.
        groups: what is left out together.
        seed: of what is drawn at random.
        advance: is called after each of the :func:`rounds` fits.
    """
    folds = _folds(groups)
    logs = np.full((len(CANDIDATES), int(folds.max()) + 1, len(cells)), np.nan)
    for i, j in combinations_with_replacement(range(logs.shape[1]), 2):
        members = fit(CANDIDATES, cells[(folds != i) & (folds != j)], seed).members
        for left_out, judged in {(i, j), (j, i)}:
            own = folds == judged
            logs[:, left_out, own] = [np.log(member.predict(cells[own])) for member in members]
        advance()
    return HeldOut(groups, folds, np.log(cells["latency_ms"].to_numpy(float)), logs)


def rounds(groups: NDArray[np.str_]) -> int:
    """How many times everything is fitted to leave out these groups."""
    count = int(_folds(groups).max()) + 1
    return count * (count + 1) // 2


def _folds(groups: NDArray[np.str_]) -> Folds:
    """Where groups are so few that each one left out is missed, folds are smaller."""
    few = len(np.unique(groups)) <= _FEW
    return fold(groups, _FOLDS_OF_FEW if few else _FOLDS)
