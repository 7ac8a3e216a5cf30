"""Sentences computed from an analysis' tables: nothing is said that a table does not hold."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from perfexp.analysis.clusters import Clusters
from perfexp.analysis.scaling.compare import Scaling
from perfexp.analysis.selection import Selection
from perfexp.analysis.variance import Variance

_NAMED = 5
_FAULTS = {"verdict": "tainted", "parity": "beyond tolerance"}


def write(
    selection: Selection, scaling: Scaling | None, clusters: Clusters, variance: Variance
) -> tuple[str, ...]:
    """Everything the tables have to say, in the order of the report."""
    cells, labels = selection.cells, selection.labels
    sentences = [*_scope(selection), *_speed(cells, labels), *_backends(cells)]
    if scaling is not None:
        sentences += [*_forms(scaling), *_fixed_costs(scaling.table, labels), *_outliers(scaling, labels)]
    sentences += [*_clusters(clusters), *_centroids(clusters), *_variance(variance), *_pareto(cells, labels)]
    return tuple(sentences)


def _scope(selection: Selection) -> Iterator[str]:
    cells = selection.cells
    counts = ", ".join(
        f"{count} {name}{'' if count == 1 else 's'}"
        for column, name in (("model", "model"), ("backend", "backend"), ("batch_size", "batch size"))
        for count in [cells[column].nunique()]
    )
    kinds = set(cells["kind"].astype(str)) if "kind" in cells else {"cell"}
    latency = {
        "cell": "the median of a batch's wall times",
        "published": "the mean that its table gives",
    }
    named = " and ".join(f"{latency[k]} for {k} runs" for k in sorted(kinds & latency.keys()))
    yield f"{len(cells)} cells were analysed: {counts}; a cell's latency is {named}."
    for column, fault in _FAULTS.items():
        count = int((cells[column] == fault).sum()) if column in cells else 0
        if count:
            yield f"{count} of these cells are used although their {column} is {fault!r}."
    if len(selection.left_out):
        reasons = selection.left_out["reason"].value_counts()
        yield (
            f"{len(selection.left_out)} runs were left out: "
            + "; ".join(f"{count} because {reason}" for reason, count in reasons.items())
            + "."
        )


def _speed(cells: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    for backend, own in cells.groupby("backend"):
        ordered = own.sort_values("latency_per_image_ms")
        fast, slow = _named_cell(ordered.iloc[0], labels), _named_cell(ordered.iloc[-1], labels)
        yield f"On {backend} the least time per image is that of {fast}, the most that of {slow}."


def _named_cell(cell: "pd.Series[float]", labels: Mapping[str, str]) -> str:
    time_ms = f"{cell['latency_per_image_ms']:.3g} ms"
    return f"{labels[str(cell['model'])]} at batch size {cell['batch_size']:g} ({time_ms})"


def _backends(cells: pd.DataFrame) -> Iterator[str]:
    wide = cells.pivot(index=["model", "batch_size"], columns="backend", values="latency_ms")
    first = wide.columns[0]
    for other in wide.columns[1:]:
        ratio = (wide[other] / wide[first]).dropna()
        if len(ratio):
            yield (
                f"{other} takes {np.exp(np.log(ratio).mean()):.2f} times the latency of {first} "
                f"(geometric mean over {len(ratio)} common cells; "
                f"from {ratio.min():.2f} to {ratio.max():.2f})."
            )


def _forms(scaling: Scaling) -> Iterator[str]:
    table = scaling.table
    chosen = table.loc[table["selected"], "form"].value_counts()
    shares = ", ".join(f"{form} for {count}" for form, count in chosen.items())
    yield f"Judged on batch sizes held out, the form chosen is {shares} of {chosen.sum()} curves."
    median = table.groupby("form")[["mape_in_sample", "mape_held_out", "ape_largest_batch"]].median() * 100
    for form, row in median.sort_values("mape_held_out").iterrows():
        yield (
            f"{form}: median error {row['mape_in_sample']:.1f} % in sample, {row['mape_held_out']:.1f} % on "
            f"batch sizes held out, {row['ape_largest_batch']:.1f} % at the largest from a fit without it."
        )
    foreseen = scaling.foreseen[np.isfinite(scaling.foreseen)]
    if len(foreseen):
        yield (
            "Had the form also been chosen without the largest batch size, the median error there would be "
            f"{100 * np.median(foreseen):.1f} %."
        )


def _fixed_costs(table: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    affine = table[table["form"] == "affine"]
    for backend, own in affine.groupby("backend"):
        half = own["half_peak_batch_size"].dropna()
        if half.empty:
            continue
        most = own.sort_values("fixed_ms").iloc[-1]
        yield (
            f"On {backend} the median fixed cost of a batch is {own['fixed_ms'].median():.3g} ms and the "
            f"median marginal cost of an image {own['marginal_ms'].median():.3g} ms: half of the peak "
            f"throughput is reached at a batch size of {half.median():.3g}. "
            f"{labels[most['model']]} has the largest fixed cost, {most['fixed_ms']:.3g} ms."
        )


def _outliers(scaling: Scaling, labels: Mapping[str, str]) -> Iterator[str]:
    odd = scaling.residuals[scaling.residuals["outlier"]]
    if odd.empty:
        yield "No point is contradicted by the other points of its curve."
        return
    worst = odd.loc[odd["standardised"].abs().sort_values(ascending=False).index]
    named = [
        f"{labels[str(model)]} on {backend} at batch size {_numbers(own['batch_size'])}"
        for (model, backend), own in worst.groupby(["model", "backend"], sort=False)
    ]
    more = f", and {len(named) - _NAMED} more curves" if len(named) > _NAMED else ""
    yield f"Points that the rest of their curve contradicts: {'; '.join(named[:_NAMED])}{more}."


def _numbers(values: "pd.Series[float]") -> str:
    return ", ".join(f"{value:g}" for value in sorted(values))


def _clusters(clusters: Clusters) -> Iterator[str]:
    if clusters.members.empty:
        return
    for backend, own in clusters.members.groupby("backend"):
        sizes = own.groupby("cluster").size()
        stability = own.groupby("cluster")["stability"].first().mean()
        listed = " and ".join(str(n) for n in sizes)
        yield (
            f"On {backend} the latency curves form {len(sizes)} clusters of {listed} models "
            f"(mean silhouette {own['silhouette'].mean():.2f}; over resampled models the clusters come back "
            f"with a mean Jaccard index of {stability:.2f})."
        )


def _centroids(clusters: Clusters) -> Iterator[str]:
    if clusters.centroids.empty:
        return
    for backend, own in clusters.centroids.groupby("backend"):
        if own["r_squared"].notna().all():
            yield (
                f"The study's exponential through the centroids of {own['models'].iloc[0]} models on "
                f"{backend} has R² = {own['r_squared'].iloc[0]:.3f} on the batch means."
            )


def _variance(variance: Variance) -> Iterator[str]:
    if variance.anova.empty:
        return
    for method, own in variance.anova.groupby("method", sort=False):
        terms = own[own["term"] != "Residual"]
        shares = ", ".join(
            f"{str(name).replace('_', ' ')} {share:.2f} (p = {p:.2g})"
            for name, share, p in zip(terms["term"], terms["partial_eta_sq"], terms["p"], strict=True)
        )
        yield f"Partial η² of log latency by analysis of variance, {method}: {shares}."
    failed = variance.assumptions.loc[~variance.assumptions["holds"], "check"]
    if len(failed):
        yield f"Assumptions that do not hold: {'; '.join(failed)}."
    if not variance.tukey.empty:
        for factor, own in variance.tukey.groupby("factor", sort=False):
            yield f"Tukey's test tells {own['reject'].sum()} of {len(own)} pairs of {factor} levels apart."


def _pareto(cells: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    if "published_top1" not in cells:
        return
    known = cells.dropna(subset=["published_top1", "throughput_images_per_s"])
    for backend, own in known.groupby("backend"):
        best = own.loc[own.groupby("model")["throughput_images_per_s"].idxmax()]
        ordered = best.sort_values(["throughput_images_per_s", "published_top1"], ascending=False)
        front = ordered[ordered["published_top1"] > ordered["published_top1"].cummax().shift(fill_value=-1)]
        names = [labels[model] for model in front["model"]]
        more = f" and {len(names) - 2 * _NAMED} more" if len(names) > 2 * _NAMED else ""
        yield (
            f"On {backend} no model is both faster and more accurate, as published, than these, from the "
            "fastest on: "
            f"{', '.join(names[: 2 * _NAMED])}{more}."
        )
