"""Clusters of models whose latency scales alike, by k-means over their curves."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_samples, silhouette_score
from threadpoolctl import threadpool_limits

from perfexp.analysis import study
from perfexp.analysis.results import Tables
from perfexp.analysis.scaling import compare, intervals
from perfexp.analysis.scaling.curves import tabulate
from perfexp.analysis.scaling.forms import Array
from perfexp.analysis.scaling.least_squares import Curves, Fit

Labels = NDArray[np.int64]
_MIN_MODELS = 4
_BAND_POINTS = 50
_MAX_CLUSTERS = 8
_RESAMPLES = 20
_SCORED_POINTS = 1500
"""The silhouette's cost grows with the square of the points: of more than these a sample is used."""


def analyse(cells: pd.DataFrame, seed: int) -> tuple[Tables, dict[str, str]]:
    """Cluster the models of each backend; also return the reasons for absent tables.

    Args:
        cells: ``model, family, backend, batch_size, latency_ms, latency_per_image_ms``.
        seed: of k-means and of the resampling.
    """
    parts: dict[str, list[pd.DataFrame]] = {"clusters": [], "cluster_bands": [], "centroids": []}
    missing: dict[str, str] = {}
    for backend, part in cells.groupby("backend", observed=True):
        curves = common_curves(part)
        if len(curves) < _MIN_MODELS or curves.shape[1] < compare.MIN_SIZES:
            missing[f"clusters of {backend}"] = (
                f"{len(curves)} models share {curves.shape[1]} batch sizes on {backend}; "
                f"clusters need {_MIN_MODELS} models at {compare.MIN_SIZES} batch sizes."
            )
            continue
        families = part.drop_duplicates("model").set_index("model")["family"]
        found = _members(curves, seed).assign(backend=backend)
        parts["clusters"].append(found.assign(family=families.reindex(found["model"]).to_numpy()))
        bands = _bands(part.merge(found[["model", "cluster"]], on="model"))
        parts["cluster_bands"].append(bands.assign(backend=backend))
        times_ms = curves.apply(np.exp)
        pooled = study.centroids(times_ms, cluster(times_ms.to_numpy(), seed))
        parts["centroids"].append(pooled.assign(backend=backend))
    return {name: pd.concat(some, ignore_index=True) for name, some in parts.items() if some}, missing


def common_curves(cells: pd.DataFrame) -> pd.DataFrame:
    """Return log latency per image: one row per model, one column per batch size that most models have.

    A missing size is interpolated between its neighbours on log axes; a model whose sizes do not
    span the common ones is left out.
    """
    wide = cells.assign(log_ms=np.log(cells["latency_per_image_ms"])).pivot(
        index="model", columns="batch_size", values="log_ms"
    )
    wide = wide.loc[:, wide.notna().mean() >= 0.5]
    on_log = wide.set_axis(np.log(wide.columns.to_numpy(dtype=float)), axis=1)
    filled = on_log.interpolate(axis=1, method="index", limit_area="inside").set_axis(wide.columns, axis=1)
    return filled.dropna()


def _members(curves: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return each model's cluster, 0 the fastest, with its silhouette and the cluster's stability."""
    values = curves.to_numpy()
    deviation = values.std(axis=0)
    points = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    labels = cluster(points, seed)
    order = np.argsort([values[labels == k].mean() for k in range(labels.max() + 1)])
    labels = np.argsort(order)[labels]
    jaccard, rand = stability(points, labels, seed)
    return pd.DataFrame({
        "model": curves.index.astype(str), "cluster": labels, "silhouette": silhouettes(points, labels),
        "stability": jaccard[labels], "adjusted_rand": rand,
    })  # fmt: skip


def _bands(cells: pd.DataFrame) -> pd.DataFrame:
    """Return one curve through all models of a cluster, and the band that holds 95 % of its models."""
    table = tabulate(cells, ["cluster"])
    judged = compare.judge(table.curves)
    parts = [
        _band(judged[form].fitted.part(slice(i, i + 1)), table.curves.part(slice(i, i + 1))).assign(
            cluster=name
        )
        for i, (form, name) in enumerate(zip(compare.choose(judged), table.keys["cluster"], strict=True))
    ]
    return pd.concat(parts, ignore_index=True)


def _band(fitted: Fit, curve: Curves) -> pd.DataFrame:
    sizes = curve.batch_size[curve.weight > 0]
    grid = np.geomspace(sizes.min(), sizes.max(), _BAND_POINTS)[None, :]
    found = {name: (values / grid)[0] for name, values in intervals.limits(fitted, curve, grid).items()}
    return pd.DataFrame({
        "form": fitted.form.name, "batch_size": grid[0], "predicted_per_image_ms": found["predicted_ms"],
        "low_per_image_ms": found["prediction_low_ms"], "high_per_image_ms": found["prediction_high_ms"],
    })  # fmt: skip


def cluster(points: Array, seed: int) -> Labels:
    """Return the labels of k-means for the number of clusters with the largest mean silhouette.

    Args:
        points: shape ``(n, d)``; fewer than three distinct ones are one cluster.
        seed: of the starting centres.
    """
    distinct = len(np.unique(points, axis=0))
    if distinct < 3:
        return np.zeros(len(points), dtype=np.int64)
    scored = np.random.default_rng(seed).permutation(len(points))[:_SCORED_POINTS]
    tried = [_labels(points, k, 10, seed) for k in range(2, min(_MAX_CLUSTERS, distinct - 1) + 1)]
    return max(tried, key=lambda labels: _silhouette(points[scored], labels[scored]))


def _labels(points: Array, clusters: int, starts: int, seed: int) -> Labels:
    with threadpool_limits(1):  # more threads are slower on few points
        return np.asarray(
            KMeans(clusters, n_init=starts, random_state=seed).fit(points).labels_, dtype=np.int64
        )


def _silhouette(points: Array, labels: Labels) -> float:
    return float(silhouette_score(points, labels)) if 1 < len(np.unique(labels)) < len(points) else -1.0


def stability(points: Array, labels: Labels, seed: int) -> tuple[Array, float]:
    """Return each cluster's mean Jaccard index over bootstrap samples, and the mean adjusted Rand index.

    A cluster below 0.6 is not a pattern of the data, one above 0.85 is highly stable (C. Hennig,
    Computational Statistics & Data Analysis 52 (2007) 258).
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
    """Return the largest overlap of a cluster with one of another clustering; NaN if it is empty."""
    if not cluster.any():
        return np.nan
    others = [again == k for k in np.unique(again)]
    return float(max((cluster & other).sum() / (cluster | other).sum() for other in others))


def silhouettes(points: Array, labels: Labels) -> Array:
    """Return each point's silhouette; NaN for all if there is one cluster, or too many points to compare."""
    if len(points) > 4 * _SCORED_POINTS or labels.max() == 0:
        return np.full(len(points), np.nan)
    return np.asarray(silhouette_samples(points, labels))
