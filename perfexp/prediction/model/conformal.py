"""Intervals from errors on cells not seen: no distribution is assumed.

The score of a cell is |log(measured / predicted)| over its local scale, the prediction made
without the cell. A new cell's interval is predicted · exp(± q · scale), with q the score that a
share ``coverage`` of n scores and the new one do not exceed (V. Vovk, "Cross-conformal
predictors", Annals of Mathematics and Artificial Intelligence 74, 2015). Of a library such as
MAPIE only these lines would be used: its classes refit one estimator by their own folds, while
here every score also has to be free of the cell that it judges.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
_ROUNDING = 1e-9


def scores(measured: Array, predicted: Array) -> Array:
    """|log(measured / predicted)|, of the shape of both."""
    return np.asarray(np.abs(np.log(measured / predicted)))


def spread(logs: Array, usual: float) -> Array:
    """The local scale, shape ``(N,)``: where learners disagree, any of them errs more.

    Args:
        logs: log predictions by C learners, shape ``(C, N)``.
        usual: the median error in logs, which is there even where all agree.
    """
    return np.asarray(np.hypot(usual, logs.std(axis=0)))


def quantile(known: Array, groups: NDArray[np.str_], coverage: float) -> float:
    """The score that a share ``coverage`` of the cells of a new group do not exceed.

    Each group has the same weight whatever its number of cells. Of n exchangeable scores the rank is
    coverage · (n + 1); cells of one group err alike, so that n is their effective number, which lies
    between the number of groups and that of cells (:func:`effective_number`). Between two ranks it is
    interpolated, so that few scores promise no more than was asked for. Where they are too few for
    ``coverage``, the largest score is taken, and no share is promised. Y. Lee, R. Barber,
    R. Willett, "Distribution-free inference with hierarchical data" (arXiv:2306.06342), promise the
    share for any dependence by taking the number of groups.

    Args:
        known: scores of cells that their predictions had not seen, shape ``(N,)``; NaN is left out.
        groups: their groups, shape ``(N,)``.
        coverage: a share between 0 and 1.
    """
    there = np.isfinite(known)
    _, place, sizes = np.unique(groups[there], return_inverse=True, return_counts=True)
    order = np.argsort(known[there], kind="stable")
    share = np.cumsum(1 / sizes[place][order]) / len(sizes)
    count = effective_number(known[there], place, sizes)
    return float(np.interp(coverage * (count + 1) / count, share, known[there][order]))


def effective_number(values: Array, place: NDArray[np.int64], sizes: NDArray[np.int64]) -> float:
    """How many independent values are worth as much as these of K groups of equal weight.

    K² / Σ (r + (1 − r) / sizeₖ), by the design effect (L. Kish, "Survey Sampling", 1965), with r
    the correlation within groups of the values' ranks, by analysis of variance; 1 where no group
    has two values to tell it.

    Args:
        values: shape ``(N,)``.
        place: the group of each, from 0, shape ``(N,)``.
        sizes: of the groups, shape ``(K,)``.
    """
    groups, total = len(sizes), len(values)
    if groups == 1:
        return 1.0
    alike = 1.0
    if total > groups:
        ranks = stats.rankdata(values)
        means = np.bincount(place, ranks) / sizes
        between = (sizes * (means - ranks.mean()) ** 2).sum() / (groups - 1)
        within = ((ranks - means[place]) ** 2).sum() / (total - groups)
        size = (total - (sizes**2).sum() / total) / (groups - 1)
        spread = between + (size - 1) * within
        alike = min(max((between - within) / spread, 0.0), 1.0) if spread > 0 else 1.0
    return float(groups**2 / (alike + (1 - alike) / sizes).sum())


def fewest_groups(coverage: float) -> int:
    """How many groups an interval of this coverage takes."""
    return math.ceil(coverage / (1 - coverage) - _ROUNDING)


def interval(predicted: Array, reach: Array | float) -> tuple[Array, Array]:
    """Lower and upper end around ``predicted``, at ``reach`` in logs."""
    with np.errstate(over="ignore"):
        return np.asarray(predicted * np.exp(-np.asarray(reach))), np.asarray(predicted * np.exp(reach))
