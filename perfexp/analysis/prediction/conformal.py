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


def scores(measured: Array, predicted: Array) -> Array:
    """|log(measured / predicted)|, of the shape of both."""
    return np.asarray(np.abs(np.log(measured / predicted)))


def quantile(known: Array, coverage: float) -> float:
    """The score that ``coverage`` of new ones do not exceed; infinite where ``known`` are too few.

    Args:
        known: scores of cells that their predictions had not seen, any shape.
        coverage: a share between 0 and 1.
    """
    ordered = np.sort(known[np.isfinite(known)], axis=None)
    rank = math.ceil((len(ordered) + 1) * coverage)
    return float(ordered[rank - 1]) if rank <= len(ordered) else math.inf


def interval(predicted: Array, reach: Array | float) -> tuple[Array, Array]:
    """Lower and upper end around ``predicted``, at ``reach`` in logs."""
    with np.errstate(over="ignore"):
        return np.asarray(predicted * np.exp(-np.asarray(reach))), np.asarray(predicted * np.exp(reach))
