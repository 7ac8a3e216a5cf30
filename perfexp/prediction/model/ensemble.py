"""A backend's latency model: linear cost models with residual models, weighed on held-out cells.

A model of a known family and one of a new family are two scenarios: what learns most from
relatives predicts the first best, what errs least without any predicts the second best. Each
scenario's candidates are weighed by holding out what it lacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from perfexp.prediction.model import linear
from perfexp.prediction.model.linear import BY_KIND, FILLING, Array, CostModel, Design
from perfexp.prediction.model.residual import LEARNERS, Regression, log_features

Folds = NDArray[np.int64]
MIN_GROUPS = 3


@dataclass(frozen=True)
class Candidate:
    """A linear cost model's design, and the name of a residual model in ``LEARNERS``."""

    design: Design
    residual: str


CANDIDATES = tuple(Candidate(design, name) for design, name in product((FILLING, BY_KIND), LEARNERS))


@dataclass(frozen=True)
class Member:
    """A fitted candidate: a cost model times the exponential of its log residual.

    ``residual`` is None where the residual is not modelled; it never leaves the range ``low`` to
    ``high`` of the residuals that it was fitted to.
    """

    cost: CostModel
    residual: Regression | None
    low: float
    high: float

    def predict(self, cells: pd.DataFrame) -> Array:
        """Return the latency of each cell's batch in ms, shape ``(N,)``."""
        if self.residual is None:
            return self.cost.predict(cells)
        residual = np.clip(self.residual(log_features(cells)), self.low, self.high)
        return np.asarray(self.cost.predict(cells) * np.exp(residual))


def fit(candidates: Sequence[Candidate], cells: pd.DataFrame, seed: int) -> tuple[Member, ...]:
    """Fit each design's cost model, then each residual model.

    Args:
        candidates: what to fit.
        cells: features and totals, ``batch_size`` and ``latency_ms``, one row per cell.
        seed: of the random draws.
    """
    latency, features = cells["latency_ms"].to_numpy(float), log_features(cells)
    costs = {c.design: linear.fit(c.design, cells, latency) for c in candidates}
    left = {design: np.log(latency / cost.predict(cells)) for design, cost in costs.items()}
    return tuple(
        Member(
            costs[c.design],
            learner(features, left[c.design], seed) if (learner := LEARNERS[c.residual]) else None,
            float(left[c.design].min()),
            float(left[c.design].max()),
        )
        for c in candidates
    )


def predict_logs(members: Sequence[Member], cells: pd.DataFrame) -> Array:
    """Return the log latency by every member, shape ``(C, N)``."""
    return np.array([np.log(member.predict(cells)) for member in members])


def weigh(errors: Array, groups: NDArray[np.str_]) -> Array:
    """Return the weight of each candidate, shape ``(C,)``, with a sum of 1.

    exp(−z²/2), where z is the candidate's mean loss above the best one's in standard errors of that
    difference, paired by group. Candidates with similar errors are averaged, which errs less than a
    wrong choice (L. Breiman, "Stacked regressions", Machine Learning 24, 1996).

    Args:
        errors: absolute log errors on held-out cells, shape ``(C, N)``.
        groups: of the cells, shape ``(N,)``.
    """
    _, place = np.unique(groups, return_inverse=True)
    losses = np.array([np.bincount(place, row) for row in errors]) / np.bincount(place)
    behind = losses - losses[losses.mean(axis=1).argmin()]
    error = behind.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    likely = np.exp(-0.5 * (behind.mean(axis=1) / np.maximum(error, np.finfo(float).tiny)) ** 2)
    return np.asarray(likely / likely.sum())


def pooled(logs: Array, weights: Array) -> Array:
    """Return the weighted mean, shape ``(N,)``, of all candidates' log predictions ``(C, N)``."""
    return np.asarray(weights @ logs)


def fold(groups: NDArray[np.str_], most: int) -> Folds:
    """Return each row's fold; groups are kept whole, in at most ``most`` folds of similar size."""
    folds, count = np.zeros(len(groups), dtype=np.int64), len(np.unique(groups))
    if count > 1:
        for index, (_, held) in enumerate(GroupKFold(min(most, count)).split(groups, groups=groups)):
            folds[held] = index
    return folds
