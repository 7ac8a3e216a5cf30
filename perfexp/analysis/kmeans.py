"""k-means with its number of clusters chosen, and how stable the clusters are."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_samples, silhouette_score
from threadpoolctl import threadpool_limits

from perfexp.analysis.scaling.forms import Array

Labels = NDArray[np.int64]
_MAX_CLUSTERS = 8
_RESAMPLES = 20
_SCORED_POINTS = 1500
"""The silhouette's cost grows with the square of the points: more than these are sampled."""


def cluster(points: Array, seed: int) -> Labels:
    """Labels of k-means with as many clusters as give the largest mean silhouette.

    Points have the shape ``(n, d)``; fewer than three different ones are one cluster.
    """
    different = len(np.unique(points, axis=0))
    if different < 3:
        return np.zeros(len(points), dtype=np.int64)
    scored = np.random.default_rng(seed).permutation(len(points))[:_SCORED_POINTS]
    tried = [_labels(points, k, 10, seed) for k in range(2, min(_MAX_CLUSTERS, different - 1) + 1)]
    return max(tried, key=lambda labels: _silhouette(points[scored], labels[scored]))


def _labels(points: Array, clusters: int, starts: int, seed: int) -> Labels:
    """Few points are clustered faster by one thread than by several that wait for each other."""
    with threadpool_limits(1):
        return np.asarray(
            KMeans(clusters, n_init=starts, random_state=seed).fit(points).labels_, dtype=np.int64
        )


def _silhouette(points: Array, labels: Labels) -> float:
    return float(silhouette_score(points, labels)) if 1 < len(np.unique(labels)) < len(points) else -1.0


def stability(points: Array, labels: Labels, seed: int) -> tuple[Array, float]:
    """Each cluster's mean Jaccard index over bootstrap samples of the models, and their mean Rand index.

    C. Hennig, Computational Statistics & Data Analysis 52 (2007) 258: a cluster below 0.6 is not
    a pattern of the data, one above 0.85 is highly stable.
    """
    generator = np.random.default_rng(seed)
    clusters = int(labels.max()) + 1
    jaccard, rand = [], []
    for _ in range(_RESAMPLES):
        drawn = np.unique(generator.integers(0, len(points), len(points)))
        if len(drawn) <= clusters:
            continue
        again = _labels(points[drawn], clusters, 4, seed)
        before = labels[drawn]
        rand.append(adjusted_rand_score(before, again))
        jaccard.append([_best_jaccard(before == k, again) for k in range(clusters)])
    if not rand:
        return np.full(clusters, np.nan), np.nan
    with np.errstate(invalid="ignore"):
        return np.nanmean(np.array(jaccard), axis=0), float(np.mean(rand))


def _best_jaccard(cluster: NDArray[np.bool_], again: Labels) -> float:
    """The largest overlap of a cluster with any of another clustering; NaN for an empty cluster."""
    if not cluster.any():
        return np.nan
    others = [again == k for k in np.unique(again)]
    return float(max((cluster & other).sum() / (cluster | other).sum() for other in others))


def silhouettes(points: Array, labels: Labels) -> Array:
    """Each point's silhouette; NaN for all where there is one cluster, or too many points to compare."""
    if len(points) > 4 * _SCORED_POINTS or labels.max() == 0:
        return np.full(len(points), np.nan)
    return np.asarray(silhouette_samples(points, labels))
