"""Predictions of cells whose model or family was left out, and their errors' scores.

Two rounds. The first leaves out one group (or one of ``_MOST_FOLDS`` folds of groups) and predicts
it. The second leaves out a pair of folds and scores one of them: these scores know nothing of the
other fold, whose intervals are made from them.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.prediction import conformal
from perfexp.analysis.prediction.physics import Array
from perfexp.analysis.prediction.predictor import CANDIDATES, Choice, Folds, few, fit, fold

_MOST_FOLDS = 40
_SCORE_FOLDS, _SCORE_FOLDS_OF_FEW = 6, 15


@dataclass(frozen=True)
class HeldOut:
    """Every cell, predicted without its group.

    Attributes:
        groups: what was left out together, shape ``(N,)``.
        predicted_ms: shape ``(N,)``.
        folds: the fold of scores that each cell is in, shape ``(N,)``.
        scores: of each cell, by a fit that had seen neither its fold nor fold f, shape ``(F, N)``;
            NaN within fold f.
    """

    groups: NDArray[np.str_]
    predicted_ms: Array
    folds: Folds
    scores: Array

    def reach(self, coverage: float) -> Array:
        """How far each cell's interval goes in logs, by scores that know nothing of the cell."""
        of_fold = np.array([conformal.quantile(scores, self.groups, coverage) for scores in self.scores])
        return np.asarray(of_fold[self.folds])


def predict(cells: pd.DataFrame, groups: NDArray[np.str_], choice: Choice, seed: int) -> HeldOut:
    """Leave out every group of ``groups``, shape ``(N,)``, and predict it by its own choice."""
    predicted = predict_each(cells, groups, choice, seed)
    score_folds = fold(groups, _SCORE_FOLDS_OF_FEW if few(groups) else _SCORE_FOLDS)
    return HeldOut(groups, predicted, score_folds, _scores(cells, score_folds, choice, seed))


def predict_each(cells: pd.DataFrame, groups: NDArray[np.str_], choice: Choice, seed: int) -> Array:
    """The first round alone: every cell's latency in ms, shape ``(N,)``."""
    predicted = np.empty(len(cells))
    folds = fold(groups, _MOST_FOLDS)
    for left_out in range(int(folds.max()) + 1):
        test = folds == left_out
        predicted[test] = _by_choice(cells, ~test, test, choice.of_cell[test], seed)
    return predicted


def _scores(cells: pd.DataFrame, folds: Folds, choice: Choice, seed: int) -> Array:
    measured = cells["latency_ms"].to_numpy(float)
    count = int(folds.max()) + 1
    scores = np.full((count, len(cells)), np.nan)
    for i, j in combinations(range(count), 2):
        train = (folds != i) & (folds != j)
        for own, other in ((i, j), (j, i)):
            test = folds == other
            candidate = np.repeat(_usual(choice.of_cell[folds == own])[None], int(test.sum()), axis=0)
            predicted = _by_choice(cells, train, test, candidate, seed)
            scores[own, test] = conformal.scores(measured[test], predicted)
    return scores


def _usual(candidates: Folds) -> Folds:
    """The most frequent row."""
    rows, counts = np.unique(candidates, axis=0, return_counts=True)
    return np.asarray(rows[counts.argmax()])


def _by_choice(
    cells: pd.DataFrame, train: NDArray[np.bool_], test: NDArray[np.bool_], candidates: Folds, seed: int
) -> Array:
    """Predict the cells of ``test``, each by its own candidates fitted on ``train``."""
    predicted = np.empty(int(test.sum()))
    for row in np.unique(candidates, axis=0):
        own = (candidates == row).all(axis=1)
        chosen = [CANDIDATES[index] for index in row]
        predicted[own] = fit(chosen, cells[train], seed).predict(cells[test][own])
    return predicted
