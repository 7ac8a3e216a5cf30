"""A backend's latency model: a physical design with a correction, chosen on cells not seen.

A model of a family that is known and one of a new family are two questions: what learns most
from relatives answers the first, what goes least astray without any answers the second. Each
question's candidate is chosen by leaving out what it leaves out.
"""

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.prediction import correction, physics
from perfexp.analysis.prediction.correction import LEARNERS, Correction
from perfexp.analysis.prediction.physics import BY_KIND, PLAIN, Array, Design, Physics

Folds = NDArray[np.int64]
_CHOICE_FOLDS = 5


@dataclass(frozen=True)
class Candidate:
    """One way to predict."""

    design: Design
    correction: str

    @property
    def title(self) -> str:
        """For people, and for the artifact."""
        return f"{self.design.name} + {self.correction}"


CANDIDATES = tuple(Candidate(design, name) for design, name in product((PLAIN, BY_KIND), LEARNERS))


@dataclass(frozen=True)
class Predictor:
    """A candidate, fitted."""

    physics: Physics
    correction: Correction

    def predict(self, cells: pd.DataFrame) -> Array:
        """Latency of each cell's batch in ms, shape ``(N,)``."""
        return self.physics.predict(cells) * self.correction.factor(cells)


def fit(candidate: Candidate, cells: pd.DataFrame, seed: int) -> Predictor:
    """Fit the physics, then the correction to what it leaves over.

    Args:
        candidate: which.
        cells: features and totals, ``batch_size`` and ``latency_ms``, one row a cell.
        seed: of what is drawn at random.
    """
    latency = cells["latency_ms"].to_numpy(float)
    fitted = physics.fit(candidate.design, cells, latency)
    left = np.log(latency / fitted.predict(cells))
    return Predictor(fitted, correction.learn(candidate.correction, cells, left, seed))


@dataclass(frozen=True)
class Choice:
    """Which candidate, for cells that took no part in choosing it.

    Attributes:
        overall: chosen on all groups.
        of_cell: index into :data:`CANDIDATES` for each cell, chosen without its group, shape ``(N,)``.
        losses: mean absolute log error on groups not seen, by candidate.
    """

    overall: Candidate
    of_cell: Folds
    losses: dict[str, float]


def choose(cells: pd.DataFrame, groups: NDArray[np.str_], seed: int) -> Choice:
    """Judge every candidate on groups left out, in pairs of folds.

    A fit without folds i and j judges on j what is used for i, and on i what is used for j: so a
    group's candidate is chosen by fits that knew nothing of it.

    Args:
        cells: as for :func:`fit`.
        groups: what is left out together, shape ``(N,)``; at least three different ones.
        seed: of what is drawn at random.
    """
    folds = fold(groups, _CHOICE_FOLDS)
    count = int(folds.max()) + 1
    losses = np.full((len(CANDIDATES), count, count), np.nan)
    for (index, candidate), (i, j) in product(enumerate(CANDIDATES), combinations(range(count), 2)):
        fitted = fit(candidate, cells[(folds != i) & (folds != j)], seed)
        for left_out, judged in ((i, j), (j, i)):
            losses[index, left_out, judged] = _loss(fitted, cells[folds == judged])
    of_fold = np.nanmean(losses, axis=2).argmin(axis=0)
    means = np.nanmean(losses, axis=(1, 2))
    named = {c.title: float(mean) for c, mean in zip(CANDIDATES, means, strict=True)}
    return Choice(CANDIDATES[int(means.argmin())], np.asarray(of_fold[folds]), named)


def fold(groups: NDArray[np.str_], most: int) -> Folds:
    """Each row's fold, groups kept whole: as many folds as groups, or ``most`` of about equal size."""
    names, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) <= most:
        return np.asarray(place, dtype=np.int64)
    loads, fold_of = np.zeros(most), np.zeros(len(names), dtype=np.int64)
    for name in np.argsort(-sizes, kind="stable"):
        fold_of[name] = loads.argmin()
        loads[fold_of[name]] += sizes[name]
    return fold_of[place]


def _loss(fitted: Predictor, cells: pd.DataFrame) -> float:
    return float(np.abs(np.log(fitted.predict(cells) / cells["latency_ms"].to_numpy(float))).mean())
