"""Write the findings: sentences computed from an analysis' tables alone."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from perfexp.analysis import axes
from perfexp.analysis.comparison import frontier
from perfexp.analysis.names import listed
from perfexp.analysis.results import Results
from perfexp.analysis.scaling.forms import AFFINE, Array

_NAMED = 5
_RATE = "throughput_images_per_s"
_FAULTS = {"verdict": "tainted", "parity": "beyond tolerance"}


_LATENCY = {"cell": "the median of a batch's wall times", "published": "the mean that its table gives"}


def write(results: Results, foreseen: Array) -> tuple[str, ...]:
    """Return all findings, in the order of the report; ``foreseen`` as in ``compare.Scaling``."""
    cells, labels = results.runs, results.labels
    sentences = [*_scope(results), *_speed(cells, labels), *_backends(cells)]
    sentences += axes.sentences(results.axes)
    if not results.scaling.empty:
        sentences += [*_forms(results.scaling, foreseen), *_fixed_costs(results.scaling, labels)]
        sentences += _outliers(results.residuals, labels)
    sentences += [*_clusters(results), *_variance(results), *_pareto(cells, labels)]
    return tuple(sentences)


def _scope(results: Results) -> Iterator[str]:
    cells, left_out = results.runs, results.left_out
    counts = ", ".join(
        f"{count} {name}{'' if count == 1 else 's'}"
        for column, name in (("model", "model"), ("backend", "backend"), ("batch_size", "batch size"))
        for count in [cells[column].nunique()]
    )
    kinds = set(cells["kind"].astype(str)) if "kind" in cells else {"cell"}
    named = " and ".join(f"{_LATENCY[k]} for {k} runs" for k in sorted(kinds & _LATENCY.keys()))
    yield f"{len(cells)} cells were analysed: {counts}; a cell's latency is {named}."
    for column, fault in _FAULTS.items():
        count = int((cells[column] == fault).sum()) if column in cells else 0
        if count:
            yield f"{count} of these cells are used although their {column} is {fault!r}."
    if len(left_out):
        reasons = left_out["reason"].value_counts()
        named = "; ".join(f"{count} because {reason}" for reason, count in reasons.items())
        yield f"{len(left_out)} runs were left out: {named}."


def _speed(cells: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    for backend, part in cells.groupby("backend"):
        ordered = part.sort_values("latency_per_image_ms")
        fast, slow = _named_cell(ordered.iloc[0], labels), _named_cell(ordered.iloc[-1], labels)
        yield f"On {backend} the shortest time per image is that of {fast}, the longest that of {slow}."


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


def _forms(table: pd.DataFrame, foreseen: Array) -> Iterator[str]:
    chosen = table.loc[table["selected"], "form"].value_counts()
    shares = ", ".join(f"{form} for {count}" for form, count in chosen.items())
    yield f"By the errors on held-out batch sizes the form selected is {shares} of {chosen.sum()} curves."
    median = table.groupby("form")[["mape_in_sample", "mape_held_out", "ape_largest_batch"]].median() * 100
    for form, row in median.sort_values("mape_held_out").iterrows():
        yield (
            f"{form}: median error {row['mape_in_sample']:.1f} % in sample, {row['mape_held_out']:.1f} % on "
            f"held-out batch sizes, {row['ape_largest_batch']:.1f} % at the largest by a fit without it."
        )
    foreseen = foreseen[np.isfinite(foreseen)]
    if len(foreseen):
        yield (
            "With the form also selected without the largest batch size, the median error there is "
            f"{100 * np.median(foreseen):.1f} %."
        )


def _fixed_costs(table: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    affine = table[table["form"] == AFFINE.name]
    for backend, part in affine.groupby("backend"):
        half = part["half_peak_batch_size"].dropna()
        if half.empty:
            continue
        most = part.sort_values("fixed_ms").iloc[-1]
        yield (
            f"On {backend} the median fixed cost of a batch is {part['fixed_ms'].median():.3g} ms and the "
            f"median marginal cost of an image {part['marginal_ms'].median():.3g} ms: half of the peak "
            f"throughput is reached at a batch size of {half.median():.3g}. "
            f"{labels[most['model']]} has the largest fixed cost, {most['fixed_ms']:.3g} ms."
        )


def _outliers(residuals: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    odd = residuals[residuals["outlier"]]
    if odd.empty:
        yield "No point is contradicted by the other points of its curve."
        return
    worst = odd.loc[odd["standardised"].abs().sort_values(ascending=False).index]
    named = [
        f"{labels[str(model)]} on {backend} at batch size {', '.join(map('{:g}'.format, sorted(sizes)))}"
        for (model, backend), sizes in worst.groupby(["model", "backend"], sort=False)["batch_size"]
    ]
    yield f"Points that the rest of their curve contradicts: {listed(named, _NAMED, '; ')}."


def _clusters(results: Results) -> Iterator[str]:
    if results.clusters.empty:
        return
    for backend, part in results.clusters.groupby("backend"):
        sizes = part.groupby("cluster").size()
        stability = part.groupby("cluster")["stability"].first().mean()
        counts = " and ".join(str(n) for n in sizes)
        yield (
            f"On {backend} the latency curves form {len(sizes)} clusters of {counts} models "
            f"(mean silhouette {part['silhouette'].mean():.2f}; over resampled models the clusters come back "
            f"with a mean Jaccard index of {stability:.2f})."
        )
    for backend, part in results.centroids.groupby("backend"):
        if part["r_squared"].notna().all():
            yield (
                f"The study's exponential through the centroids of {part['models'].iloc[0]} models on "
                f"{backend} has R² = {part['r_squared'].iloc[0]:.3f} on the batch means."
            )


def _variance(results: Results) -> Iterator[str]:
    if results.anova.empty:
        return
    for method, part in results.anova.groupby("method", sort=False):
        terms = part[part["term"] != "Residual"]
        shares = ", ".join(
            f"{str(name).replace('_', ' ')} {share:.2f} (p = {p:.2g})"
            for name, share, p in zip(terms["term"], terms["partial_eta_sq"], terms["p"], strict=True)
        )
        yield f"Partial η² of log latency by analysis of variance, {method}: {shares}."
    failed = results.assumptions.loc[~results.assumptions["holds"], "check"]
    if len(failed):
        yield f"Assumptions that do not hold: {'; '.join(failed)}."
    if not results.tukey.empty:
        for factor, part in results.tukey.groupby("factor", sort=False):
            yield f"By Tukey's test {part['reject'].sum()} of {len(part)} pairs of {factor} levels differ."


def _pareto(cells: pd.DataFrame, labels: Mapping[str, str]) -> Iterator[str]:
    if "published_top1" not in cells:
        return
    known = cells.dropna(subset=["published_top1", _RATE])
    for backend, part in known.groupby("backend"):
        best = part.loc[part.groupby("model")[_RATE].idxmax()]
        front = best[frontier(best, _RATE, "published_top1")].sort_values(_RATE, ascending=False)
        names = [labels[model] for model in front["model"]]
        yield (
            f"On {backend} no model is both faster and more accurate, as published, than these, from the "
            f"fastest on: {listed(names, 2 * _NAMED)}."
        )
