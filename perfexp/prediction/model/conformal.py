"""Conformal intervals: from errors on held-out cells, without assuming a distribution.

The score of a cell is |log(measured / predicted)| over its local scale, with a prediction made
without the cell. A new cell's interval is predicted · exp(± q · scale), where q is the score that a
share ``coverage`` of n scores and the new one do not exceed (V. Vovk, "Cross-conformal
predictors", Annals of Mathematics and Artificial Intelligence 74, 2015). MAPIE would replace only
these lines: its classes refit one estimator by their own folds, while here every score must also
not depend on the cell that it judges.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
_ROUNDING = 1e-9


def scores(measured: Array, predicted: Array) -> Array:
    """Return |log(measured / predicted)|, of the shape of both."""
    return np.asarray(np.abs(np.log(measured / predicted)))


def spread(logs: Array, median_error: float) -> Array:
    """Return the local scale, shape ``(N,)``: where candidates disagree, each of them errs more.

    Args:
        logs: log predictions by C candidates, shape ``(C, N)``.
        median_error: in logs; it remains where all agree.
    """
    return np.asarray(np.hypot(median_error, logs.std(axis=0)))


def quantile(known: Array, groups: NDArray[np.str_], coverage: float) -> float:
    """Return the score that a share ``coverage`` of the cells of a new group do not exceed.

    Each group has the same weight, whatever its number of cells. Of n exchangeable scores the rank is
    coverage · (n + 1); errors within a group are correlated, so n is their effective number, between
    the number of groups and that of cells (:func:`effective_number`). Between two ranks the score is
    interpolated, so that small samples do not over-cover. With too few scores for ``coverage`` it is
    the largest one, without guarantee. Y. Lee, R. Barber, R. Willett, "Distribution-free inference
    with hierarchical data" (arXiv:2306.06342), guarantee the share for any dependence by taking the
    number of groups.

    Args:
        known: scores of held-out cells, shape ``(N,)``; NaN is ignored.
        groups: their groups, shape ``(N,)``.
        coverage: a share between 0 and 1.
    """
    finite = np.isfinite(known)
    _, place, sizes = np.unique(groups[finite], return_inverse=True, return_counts=True)
    order = np.argsort(known[finite], kind="stable")
    share = np.cumsum(1 / sizes[place][order]) / len(sizes)
    count = effective_number(known[finite], place, sizes)
    return float(np.interp(coverage * (count + 1) / count, share, known[finite][order]))


def effective_number(values: Array, place: NDArray[np.int64], sizes: NDArray[np.int64]) -> float:
    """Return the effective number of independent values among these of K groups of equal weight.

    K² / Σ (r + (1 − r) / sizeₖ), by the design effect (L. Kish, "Survey Sampling", 1965), where r is
    the correlation of the values' ranks within groups, by analysis of variance; 1 where no group
    has two values.

    Args:
        values: shape ``(N,)``.
        place: the group of each, from 0, shape ``(N,)``.
        sizes: of the groups, shape ``(K,)``.
    """
    groups, total = len(sizes), len(values)
    if groups == 1:
        return 1.0
    correlation = 1.0
    if total > groups:
        ranks = stats.rankdata(values)
        means = np.bincount(place, ranks) / sizes
        between = (sizes * (means - ranks.mean()) ** 2).sum() / (groups - 1)
        within = ((ranks - means[place]) ** 2).sum() / (total - groups)
        size = (total - (sizes**2).sum() / total) / (groups - 1)
        spread = between + (size - 1) * within
        correlation = min(max((between - within) / spread, 0.0), 1.0) if spread > 0 else 1.0
    return float(groups**2 / (correlation + (1 - correlation) / sizes).sum())


def min_groups(coverage: float) -> int:
    """Return the number of groups that an interval of this coverage needs."""
    return math.ceil(coverage / (1 - coverage) - _ROUNDING)


def interval(predicted: Array, log_half_width: Array | float) -> tuple[Array, Array]:
    """Return the lower and upper end around ``predicted``."""
    with np.errstate(over="ignore"):
        factor = np.exp(np.asarray(log_half_width))
        return np.asarray(predicted / factor), np.asarray(predicted * factor)
