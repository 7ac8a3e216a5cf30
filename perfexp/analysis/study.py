"""The published study's pooled regression, for comparison.

X. Wang, F. Zhao, P. Lin, Y. Chen, Internet of Things 20 (2022) 100609: k-means over inference
times separates the few slow models; an exponential is fitted to the centroids of the others.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from perfexp.analysis.scaling.forms import Array

_MIN_SIZES = 4
_LEVEL = 0.95
_BAND_POINTS = 40


def centroids(times_ms: pd.DataFrame, labels: NDArray[np.int64]) -> pd.DataFrame:
    """Fit an exponential to the largest cluster's mean time per image at each batch size.

    Args:
        times_ms: time per image, one row per model, one column per batch size.
        labels: the cluster of each model, shape ``(models,)``.

    Returns:
        ``batch_size, centroid_per_image_ms, predicted_per_image_ms, low_per_image_ms,
        high_per_image_ms, r_squared, models``; the band is the curve's 95 % confidence band. Rows
        between the batch sizes have no centroid and serve to draw the curve. Predictions are NaN
        where there are too few batch sizes or no exponential fits.
    """
    largest = times_ms[labels == np.bincount(labels).argmax()]
    means = largest.mean()
    sizes, times = means.index.to_numpy(dtype=float), means.to_numpy()
    grid = np.union1d(sizes, np.geomspace(sizes.min(), sizes.max(), _BAND_POINTS))
    centroid = pd.Series(times, index=sizes).reindex(grid).to_numpy()
    frame = pd.DataFrame({"batch_size": grid, "centroid_per_image_ms": centroid, "models": len(largest)})
    return frame.assign(**_exponential(sizes, times, grid))


def _curve(batch_size: Array, scale: float, rate: float, floor: float) -> Array:
    return np.asarray(scale * np.exp(-rate * batch_size) + floor)


def _exponential(sizes: Array, times: Array, grid: Array) -> dict[str, Array | float]:
    """Fit by ordinary least squares, and return the curve on a grid with its band by the delta method."""
    names = ("predicted_per_image_ms", "low_per_image_ms", "high_per_image_ms", "r_squared")
    nothing: dict[str, Array | float] = dict.fromkeys(names, np.nan)
    if len(sizes) < _MIN_SIZES:
        return nothing
    start = (times[0] - times[-1], 1 / float(np.median(sizes)), times[-1])
    try:
        found, covariance = optimize.curve_fit(_curve, sizes, times, start, maxfev=20_000)
    except RuntimeError:
        return nothing
    scale, rate, _ = found
    fall = np.exp(-rate * grid)
    gradient = np.column_stack([fall, -scale * grid * fall, np.ones_like(grid)])
    error = np.sqrt(np.einsum("np,pq,nq->n", gradient, covariance, gradient))
    half_width = stats.t.ppf(0.5 + _LEVEL / 2, len(sizes) - len(found)) * error
    predicted, residual = _curve(grid, *found), times - _curve(sizes, *found)
    r_squared = 1 - (residual**2).sum() / ((times - times.mean()) ** 2).sum()
    return dict(
        zip(names, (predicted, predicted - half_width, predicted + half_width, r_squared), strict=True)
    )
