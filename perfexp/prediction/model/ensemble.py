"""A backend's latency model: physical designs with corrections, chosen on cells not seen.

A model of a family that is known and one of a new family are two questions: what learns most
from relatives answers the first, what goes least astray without any answers the second. Each
question's candidates are weighed by leaving out what it leaves out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.prediction.model import linear, residual
from perfexp.prediction.model.linear import BY_KIND, FILLING, Array, Design, Physics
from perfexp.prediction.model.residual import LEARNERS, Correction

Folds = NDArray[np.int64]
MIN_GROUPS = 3


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
    """Every candidate, fitted; their weighted geometric mean is the prediction."""

    members: tuple[Member, ...]

    def logs(self, cells: pd.DataFrame) -> Array:
        """Log latency by every candidate, shape ``(C, N)``."""
        return np.array([np.log(member.predict(cells)) for member in self.members])


def fit(candidates: Sequence[Candidate], cells: pd.DataFrame, seed: int) -> Predictor:
    """Fit each design's physics, then each correction to what it leaves over.

    Args:
        candidates: which.
        cells: features and totals, ``batch_size`` and ``latency_ms``, one row a cell.
        seed: of what is drawn at random.
    """
    latency = cells["latency_ms"].to_numpy(float)
    designs = {c.design: linear.fit(c.design, cells, latency) for c in candidates}
    left = {design: np.log(latency / fitted.predict(cells)) for design, fitted in designs.items()}
    return Predictor(
        tuple(
            Member(designs[c.design], residual.learn(c.correction, cells, left[c.design], seed))
            for c in candidates
        )
    )


def weigh(errors: Array, groups: NDArray[np.str_]) -> Array:
    """How much each candidate counts, shape ``(C,)``, with a sum of 1.

    exp(−z²/2), with z the candidate's mean loss behind the best one's in standard errors of that
    difference, paired by group: as likely as it is to be no worse. Candidates that err alike are
    averaged, which errs less than a wrong choice (L. Breiman, "Stacked regressions", Machine
    Learning 24, 1996); the fewer the groups, the less they tell.

    Args:
        errors: absolute log errors on cells not seen, shape ``(C, N)``.
        groups: of the cells, shape ``(N,)``.
    """
    _, place = np.unique(groups, return_inverse=True)
    losses = np.array([np.bincount(place, row) for row in errors]) / np.bincount(place)
    behind = losses - losses[losses.mean(axis=1).argmin()]
    error = behind.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    likely = np.exp(-0.5 * (behind.mean(axis=1) / np.maximum(error, np.finfo(float).tiny)) ** 2)
    return np.asarray(likely / likely.sum())


def pooled(logs: Array, weights: Array) -> Array:
    """The weighted mean log prediction, shape ``(N,)``, of all candidates' ``(C, N)``."""
    return np.asarray(weights @ logs)


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
