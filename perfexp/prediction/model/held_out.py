"""Predictions of cells whose model or family was held out, with weights and scores to judge them.

Every candidate is fitted without each pair of folds of groups, (i, j), and without each fold alone,
(i, i). Weights and scores for fold i come from the fits without (i, j), evaluated on j: neither the
weights nor an interval depends on the cells that it is made for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.prediction.model import conformal
from perfexp.prediction.model.ensemble import CANDIDATES, Folds, fit, fold, pooled, predict_logs, weigh
from perfexp.prediction.model.linear import Array

_FOLDS, _FOLDS_OF_FEW, _FEW = 9, 17, 60
_MIN_ERROR = 1e-4  # no clock repeats a latency more closely


@dataclass(frozen=True)
class HeldOut:
    """Every cell, predicted without its group.

    Attributes:
        groups: what was held out together, shape ``(N,)``.
        folds: the fold of each cell, shape ``(N,)``.
        measured: log latency, shape ``(N,)``.
        logs: log predictions of C candidates by fits without fold f and without the cell's fold,
            shape ``(C, F, N)``.
    """

    groups: NDArray[np.str_]
    folds: Folds
    measured: Array
    logs: Array

    @property
    def own(self) -> Array:
        """Log predictions by fits without the cell's fold alone, shape ``(C, N)``."""
        return np.asarray(self.logs[:, self.folds, np.arange(len(self.folds))])

    def weights(self, without: int | None = None) -> Array:
        """Return the candidates' weights by all groups, or by those outside a fold, shape ``(C,)``."""
        logs = self.own if without is None else self.logs[:, without]
        errors = np.abs(logs - self.measured)
        used = np.ones(len(self.folds), dtype=bool) if without is None else self.folds != without
        return weigh(errors[:, used], self.groups[used])

    def predict(self) -> Array:
        """Return the latency in ms, shape ``(N,)``, with weights from outside the cell's fold."""
        return np.asarray(np.exp(self._by_fold(lambda i, own: pooled(self.logs[:, i, own], self.weights(i)))))

    def log_half_width(self, coverage: float) -> Array:
        """Return the half-width of each cell's interval in logs, by scores from outside its fold."""
        return self._by_fold(lambda i, own: self._log_half_width(i, own, coverage))

    def scores(self) -> tuple[Array, float]:
        """Return each cell's score with the overall weights, ``(N,)``, and the median error in logs."""
        return _scored(self.own, self.measured, self.weights())

    def _log_half_width(self, without: int, own: NDArray[np.bool_], coverage: float) -> Array:
        logs = self.logs[:, without]
        scores, median_error = _scored(logs[:, ~own], self.measured[~own], self.weights(without))
        level = conformal.quantile(scores, self.groups[~own], coverage)
        return level * conformal.spread(logs[:, own], median_error)

    def _by_fold(self, value: Callable[[int, NDArray[np.bool_]], Array]) -> Array:
        found = np.empty(len(self.folds))
        for index in range(int(self.folds.max()) + 1):
            own = self.folds == index
            found[own] = value(index, own)
        return found


def _scored(logs: Array, measured: Array, weights: Array) -> tuple[Array, float]:
    errors = np.abs(pooled(logs, weights) - measured)
    median_error = max(float(np.median(errors)), _MIN_ERROR)
    return errors / conformal.spread(logs, median_error), median_error


def leave_out(
    cells: pd.DataFrame, groups: NDArray[np.str_], seed: int, advance: Callable[[], None] = lambda: None
) -> HeldOut:
    """Hold out groups, shape ``(N,)``, in pairs of folds.

    Args:
        cells: features and totals, ``batch_size`` and ``latency_ms``, one row per cell.
        groups: what is held out together.
        seed: of the random draws.
        advance: called after each of the :func:`rounds` fits.
    """
    folds = _folds(groups)
    logs = np.full((len(CANDIDATES), int(folds.max()) + 1, len(cells)), np.nan)
    for i, j in combinations_with_replacement(range(logs.shape[1]), 2):
        members = fit(CANDIDATES, cells[(folds != i) & (folds != j)], seed)
        for left_out, judged in {(i, j), (j, i)}:
            held = folds == judged
            logs[:, left_out, held] = predict_logs(members, cells[held])
        advance()
    return HeldOut(groups, folds, np.log(cells["latency_ms"].to_numpy(float)), logs)


def rounds(groups: NDArray[np.str_]) -> int:
    """Return the number of fits that holding out these groups takes."""
    count = int(_folds(groups).max()) + 1
    return count * (count + 1) // 2


def _folds(groups: NDArray[np.str_]) -> Folds:
    """Assign folds, more of them where groups are so few that each one held out is missed."""
    few = len(np.unique(groups)) <= _FEW
    return fold(groups, _FOLDS_OF_FEW if few else _FOLDS)
