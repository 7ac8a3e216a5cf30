"""A backend's latency model: physical designs with corrections, chosen on cells not seen.

A model of a family that is known and one of a new family are two questions: what learns most
from relatives answers the first, what goes least astray without any answers the second. Each
question's candidates are chosen by leaving out what it leaves out; the best few are averaged,
which errs less than the one that happens to come first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.prediction import correction, physics
from perfexp.analysis.prediction.correction import LEARNERS, Correction
from perfexp.analysis.prediction.physics import BY_KIND, FILLING, Array, Design, Physics

Folds = NDArray[np.int64]
FEWEST_GROUPS = 3
_CHOICE_FOLDS, _CHOICE_FOLDS_OF_FEW, _FEW = 5, 8, 60
_AVERAGED = 3


@dataclass(frozen=True)
class Candidate:
    """One way to predict."""

    design: Design
    correction: str

    @property
    def title(self) -> str:
        """For people, and for the artifact."""
        return f"{self.design.name} + {self.correction}"


CANDIDATES = tuple(Candidate(design, name) for design, name in product((FILLING, BY_KIND), LEARNERS))


@dataclass(frozen=True)
class Member:
    """A candidate, fitted."""

    physics: Physics
    correction: Correction

    def predict(self, cells: pd.DataFrame) -> Array:
        """Latency of each cell's batch in ms, shape ``(N,)``."""
        return self.physics.predict(cells) * self.correction.factor(cells)


@dataclass(frozen=True)
class Predictor:
    """Fitted candidates, whose geometric mean is the prediction."""

    members: tuple[Member, ...]

    def predict(self, cells: pd.DataFrame) -> Array:
        """Latency of each cell's batch in ms, shape ``(N,)``."""
        return np.asarray(np.exp(np.mean([np.log(m.predict(cells)) for m in self.members], axis=0)))


def fit(candidates: Sequence[Candidate], cells: pd.DataFrame, seed: int) -> Predictor:
    """Fit each design's physics, then each correction to what it leaves over.

    Args:
        candidates: which.
        cells: features and totals, ``batch_size`` and ``latency_ms``, one row a cell.
        seed: of what is drawn at random.
    """
    latency = cells["latency_ms"].to_numpy(float)
    designs = {c.design: physics.fit(c.design, cells, latency) for c in candidates}
    left = {design: np.log(latency / fitted.predict(cells)) for design, fitted in designs.items()}
    return Predictor(
        tuple(
            Member(designs[c.design], correction.learn(c.correction, cells, left[c.design], seed))
            for c in candidates
        )
    )


@dataclass(frozen=True)
class Choice:
    """Which candidates, for cells that took no part in choosing them.

    Attributes:
        overall: chosen on all groups, the best first.
        of_cell: indices into :data:`CANDIDATES` for each cell, chosen without its group, of shape
            ``(N, number averaged)``.
        losses: mean absolute log error on groups not seen, by candidate.
    """

    overall: tuple[Candidate, ...]
    of_cell: Folds
    losses: Mapping[str, float]


def choose(cells: pd.DataFrame, groups: NDArray[np.str_], seed: int) -> Choice:
    """Judge every candidate on groups left out, in pairs of folds.

    A fit without folds i and j judges on j what is used for i, and on i what is used for j: so a
    group's candidates are chosen by fits that knew nothing of it.

    Args:
        cells: as for :func:`fit`.
        groups: what is left out together, shape ``(N,)``; ``FEWEST_GROUPS`` different ones at least.
        seed: of what is drawn at random.
    """
    folds = fold(groups, _CHOICE_FOLDS_OF_FEW if few(groups) else _CHOICE_FOLDS)
    count = int(folds.max()) + 1
    losses = np.full((len(CANDIDATES), count, count), np.nan)
    for i, j in combinations(range(count), 2):
        members = fit(CANDIDATES, cells[(folds != i) & (folds != j)], seed).members
        for left_out, judged in ((i, j), (j, i)):
            losses[:, left_out, judged] = [_loss(member, cells[folds == judged]) for member in members]
    ranks = np.nanmean(losses, axis=2).argsort(axis=0, kind="stable")[:_AVERAGED]
    means = np.nanmean(losses, axis=(1, 2))
    return Choice(
        overall=tuple(CANDIDATES[index] for index in means.argsort(kind="stable")[:_AVERAGED]),
        of_cell=np.asarray(ranks.T[folds]),
        losses={c.title: float(mean) for c, mean in zip(CANDIDATES, means, strict=True)},
    )


def few(groups: NDArray[np.str_]) -> bool:
    """Whether the groups are so few that each one left out is missed: then folds are smaller."""
    return len(np.unique(groups)) <= _FEW


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


def _loss(member: Member, cells: pd.DataFrame) -> float:
    return float(np.abs(np.log(member.predict(cells) / cells["latency_ms"].to_numpy(float))).mean())
