"""Models that scale alike: k-means over latency curves, and the study's pooled exponential."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from perfexp.analysis import kmeans, study
from perfexp.analysis.scaling import compare, intervals
from perfexp.analysis.scaling.curves import tabulate
from perfexp.analysis.scaling.least_squares import Curves, Fit

_MIN_MODELS = 4
_BAND_POINTS = 50


@dataclass(frozen=True)
class Clusters:
    """Tables as in :class:`perfexp.analysis.results.Results`; ``missing`` says what could not be made."""

    members: pd.DataFrame
    bands: pd.DataFrame
    centroids: pd.DataFrame
    missing: Mapping[str, str]


def analyse(cells: pd.DataFrame, seed: int) -> Clusters:
    """Cluster the models of each backend.

    Args:
        cells: ``model, family, backend, batch_size, latency_ms, latency_per_image_ms``.
        seed: of k-means and of the resampling.
    """
    members, lines, centroids = [], [], []
    missing: dict[str, str] = {}
    for backend, own in cells.groupby("backend", observed=True):
        curves = common_curves(own)
        if len(curves) < _MIN_MODELS or curves.shape[1] < compare.MIN_SIZES:
            missing[f"clusters of {backend}"] = (
                f"{len(curves)} models share {curves.shape[1]} batch sizes on {backend}; "
                f"clusters need {_MIN_MODELS} models at {compare.MIN_SIZES} batch sizes."
            )
            continue
        labels = _members(curves, seed)
        families = own.drop_duplicates("model").set_index("model")["family"]
        found = labels.assign(family=families.reindex(labels["model"]).to_numpy(), backend=backend)
        members.append(found)
        lines.append(_bands(own.merge(found[["model", "cluster"]], on="model")).assign(backend=backend))
        centroids.append(study.centroids(curves.apply(np.exp), seed).assign(backend=backend))
    return Clusters(_joined(members), _joined(lines), _joined(centroids), missing)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def common_curves(cells: pd.DataFrame) -> pd.DataFrame:
    """log latency per image, a row a model, a column a batch size that most models have.

    A size that a model lacks is interpolated between its neighbours on log axes; a model whose
    own sizes do not reach across the common ones is left out.
    """
    wide = cells.assign(log_ms=np.log(cells["latency_per_image_ms"])).pivot(
        index="model", columns="batch_size", values="log_ms"
    )
    wide = wide.loc[:, wide.notna().mean() >= 0.5]
    on_log = wide.set_axis(np.log(wide.columns.to_numpy(dtype=float)), axis=1)
    filled = on_log.interpolate(axis=1, method="index", limit_area="inside").set_axis(wide.columns, axis=1)
    return filled.dropna()


def _members(curves: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Each model's cluster, 0 the fastest, with its silhouette and its cluster's stability."""
    values = curves.to_numpy()
    deviation = values.std(axis=0)
    points = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    labels = kmeans.cluster(points, seed)
    order = np.argsort([values[labels == k].mean() for k in range(labels.max() + 1)])
    labels = np.argsort(order)[labels]
    jaccard, rand = kmeans.stability(points, labels, seed)
    return pd.DataFrame(
        {
            "model": curves.index.astype(str),
            "cluster": labels,
            "silhouette": kmeans.silhouettes(points, labels),
            "stability": jaccard[labels],
            "adjusted_rand": rand,
        }
    )


def _bands(cells: pd.DataFrame) -> pd.DataFrame:
    """One curve through all models of a cluster, and where 95 % of its models lie."""
    table = tabulate(cells, ["cluster"])
    judged = compare.judge(table.curves)
    chosen = compare.choose(judged)
    parts = [
        _band(judged[form].fitted.part(slice(i, i + 1)), table.curves.part(slice(i, i + 1)))
        for i, form in enumerate(chosen)
    ]
    return pd.concat(
        [part.assign(cluster=name) for part, name in zip(parts, table.keys["cluster"], strict=True)],
        ignore_index=True,
    )


def _band(fitted: Fit, curve: Curves) -> pd.DataFrame:
    sizes = curve.batch_size[curve.weight > 0]
    grid = np.geomspace(sizes.min(), sizes.max(), _BAND_POINTS)[None, :]
    found = intervals.limits(fitted, curve, grid)
    columns = {
        "predicted_per_image_ms": "predicted_ms",
        "low_per_image_ms": "prediction_low_ms",
        "high_per_image_ms": "prediction_high_ms",
    }
    per_image = {name: (found[source] / grid)[0] for name, source in columns.items()}
    return pd.DataFrame({"form": fitted.form.name, "batch_size": grid[0], **per_image})
