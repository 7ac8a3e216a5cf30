"""Outliers: points that the other points of their curve contradict.

Least squares is drawn towards an outlier, so that its neighbours appear as outliers instead. The
line with the smallest sum of absolute errors over all but the worst points is robust (least trimmed
absolute deviations; P. Rousseeuw, Journal of the American Statistical Association 79 (1984) 871).
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from perfexp.analysis.scaling.forms import Array
from perfexp.analysis.scaling.least_squares import Curves

LIMIT = 4.0
NORMAL = 1.4826
"""A normal variable's standard deviation over its median absolute deviation."""
_MAX_POINTS = 16
_MIN_POINTS = 5


def find(curves: Curves, typical: Array) -> NDArray[np.bool_]:
    """Return the points that lie more than ``LIMIT`` standard deviations from the robust line.

    The standard deviation is the larger one of the curve's, by the median of |log(y / ŷ)|, and of
    the one that is ``typical`` of such curves, shape ``(G,)``. Curves of fewer than five points have
    no outliers: a line through two of four leaves too few to contradict it.
    """
    error = np.where(curves.weight > 0, np.abs(np.log(_robust_line(curves) / curves.latency_ms)), np.nan)
    scale = np.maximum(NORMAL * np.nanmedian(error, axis=1), typical)
    enough = curves.weight.sum(axis=1) >= _MIN_POINTS
    return np.asarray((error > LIMIT * scale[:, None]) & enough[:, None])


def _robust_line(curves: Curves) -> Array:
    """Return ŷ of the line through two points with the smallest Σ |log(y / ŷ)| over its best points."""
    kept = _kept(curves.weight.sum(axis=1))
    points = curves.weight.shape[1]
    tried = np.unique(np.linspace(0, points - 1, min(points, _MAX_POINTS)).astype(int))
    best, least = curves.latency_ms.copy(), np.full(len(curves.weight), np.inf)
    x, y = curves.batch_size, curves.latency_ms
    for i, j in combinations(tried, 2):
        run = x[:, j] - x[:, i]
        slope = (y[:, j] - y[:, i]) / np.where(run > 0, run, np.nan)
        line = (y[:, i] - slope * x[:, i])[:, None] + slope[:, None] * x
        usable = (curves.weight[:, i] > 0) & (curves.weight[:, j] > 0) & (slope >= 0) & (line > 0).all(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sort(np.where(curves.weight > 0, np.abs(np.log(line / y)), np.inf), axis=1)
        loss = np.where(np.arange(points) < kept[:, None], error, 0).sum(axis=1)
        better = usable & (loss < least)
        best[better], least[better] = line[better], loss[better]
    return np.asarray(best)


def _kept(points: Array) -> Array:
    """Return two thirds of the points, rounded up."""
    return points - (points - 1) // 3
