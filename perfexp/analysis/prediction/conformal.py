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

Array = NDArray[np.float64]
_ROUNDING = 1e-9


def scores(measured: Array, predicted: Array) -> Array:
    """|log(measured / predicted)|, of the shape of both."""
    return np.asarray(np.abs(np.log(measured / predicted)))


def quantile(known: Array, groups: NDArray[np.str_], coverage: float) -> float:
    """The score that a share ``coverage`` of the cells of a new group do not exceed.

    Cells of one group err alike, so that each of K groups has the weight 1 / (K + 1) whatever its
    number of cells, and so has the unseen one, whose score could be anything (Y. Lee, R. Barber,
    R. Willett, "Distribution-free inference with hierarchical data", arXiv:2306.06342). Where K is
    too small for ``coverage``, the largest score is taken, and no share is promised.

    Args:
        known: scores of cells that their predictions had not seen, shape ``(N,)``; NaN is left out.
        groups: their groups, shape ``(N,)``.
        coverage: a share between 0 and 1.
    """
    there = np.isfinite(known)
    _, place, sizes = np.unique(groups[there], return_inverse=True, return_counts=True)
    order = np.argsort(known[there], kind="stable")
    share = np.cumsum(1 / sizes[place][order]) / (len(sizes) + 1)
    rank = int(np.searchsorted(share, coverage - _ROUNDING))
    return float(known[there][order][min(rank, len(order) - 1)])


def fewest_groups(coverage: float) -> int:
    """How many groups an interval of this coverage takes."""
    return math.ceil(coverage / (1 - coverage) - _ROUNDING)


def interval(predicted: Array, reach: Array | float) -> tuple[Array, Array]:
    """Lower and upper end around ``predicted``, at ``reach`` in logs."""
    with np.errstate(over="ignore"):
        return np.asarray(predicted * np.exp(-np.asarray(reach))), np.asarray(predicted * np.exp(reach))
