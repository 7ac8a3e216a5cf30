"""Latency curves by cluster, with each cluster's pooled regression and its band."""

import textwrap
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from perfexp.analysis.names import listed
from perfexp.analysis.results import Results
from perfexp.charts import Chart, ChartMissing, canvas, colours, select
from perfexp.metrics import label

_LEGEND_CHARACTERS = 128
_LOWEST_MS = 1e-9  # what a log axis can show
_TIME = "latency_per_image_ms"


def draw(results: Results) -> Figure:
    """Draw a panel per backend; thin lines are models, thick ones the pooled fits."""
    clusters = select.filled(results, "clusters")
    cells = select.cells(results).merge(
        clusters[["model", "backend", "cluster"]].astype({"model": str, "backend": str}),
        on=["model", "backend"],
    )
    if cells.empty:
        raise ChartMissing("No clustered model has a time per image.")
    backends, rest = select.backends(cells)
    shades = colours.sequence(int(cells["cluster"].max()) + 1)
    key = _members(cells[cells["backend"].isin(backends)], clusters, shades, len(backends) > 1)
    thinned = cells.groupby(["backend", "cluster"])["model"].nunique().max() > canvas.MAX_CURVES
    thin = f"Thin lines: {canvas.MAX_CURVES} models a cluster, the others are not drawn." if thinned else ""
    key += [Line2D([], [], linestyle="", label=text) for text in (thin, rest) if text]
    drawn, axes = canvas.panels(
        backends, 3.0, below_in=0.16 * sum(str(entry.get_label()).count("\n") + 1.4 for entry in key)
    )
    for panel, backend in zip(axes, backends, strict=True):
        _panel(panel, cells[cells["backend"] == backend], shades)
        _fits(panel, results.cluster_bands, backend, shades)
        panel.set_yscale("log")
        canvas.plain_log_ticks(panel, "y")
        canvas.batch_axis(panel, sorted(cells["batch_size"].unique()))
    axes[0].set_ylim(cells[_TIME].min() / 1.5, cells[_TIME].max() * 1.5)
    canvas.axis_labels(axes, "Batch size (images)", label(_TIME))
    drawn.legend(handles=key, loc="outside lower left", alignment="left")
    return drawn


def _panel(axes: Axes, cells: pd.DataFrame, shades: Sequence[str]) -> None:
    for cluster, members in cells.groupby("cluster"):
        canvas.curves(axes, members, _TIME, color=_shade(shades, cluster), linewidth=0.7, alpha=0.5)


def _fits(axes: Axes, bands: pd.DataFrame, backend: str, shades: list[str]) -> None:
    if bands.empty:
        return
    for cluster, band in bands[bands["backend"].astype(str) == backend].groupby("cluster"):
        band = band.sort_values("batch_size")
        shade = _shade(shades, cluster)
        low, high = band["low_per_image_ms"].clip(lower=_LOWEST_MS), band["high_per_image_ms"]
        axes.fill_between(band["batch_size"], low, high, color=shade, alpha=0.2, linewidth=0)
        [line] = axes.plot(band["batch_size"], band["predicted_per_image_ms"], color=shade, linewidth=2.2)
        line.set_path_effects([withStroke(linewidth=4, foreground="white")])


def _shade(shades: Sequence[str], cluster: object) -> str:
    return shades[int(str(cluster))]


def _members(cells: pd.DataFrame, clusters: pd.DataFrame, shades: list[str], several: bool) -> list[Line2D]:
    handles = []
    for (backend, cluster), group in cells.groupby(["backend", "cluster"]):
        names = sorted(group["label"].unique())
        members = clusters[(clusters["backend"].astype(str) == backend) & (clusters["cluster"] == cluster)]
        stability = members["stability"].mean() if "stability" in members else float("nan")
        stable = f", stability {stability:.2f}" if stability == stability else ""
        text = (
            f"{f'{backend}, ' if several else ''}cluster {cluster} "
            f"({len(names):,} model{'s' if len(names) > 1 else ''}{stable}): {listed(names, 12)}"
        )
        wrapped = textwrap.fill(text, _LEGEND_CHARACTERS, subsequent_indent="    ")
        handles.append(Line2D([], [], color=_shade(shades, cluster), linewidth=2.2, label=wrapped))
    return handles


CHARTS = (Chart(
    "latency_clusters", 40, "Clusters of latency curves", draw,
    "Latency per image against batch size, one thin line per model, coloured by its cluster (0 is the "
    "fastest); thick lines and bands are each cluster's pooled fit with its 95 % band. Stability says how "
    "often resampling finds the same clusters again, 1 being always.",
),)  # fmt: skip
