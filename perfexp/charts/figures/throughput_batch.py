"""Throughput against batch size, a panel per family."""

from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perfexp.analysis.results import Results
from perfexp.charts import Chart, ChartMissing, canvas, colours, select
from perfexp.metrics import label

_RATE = "throughput_images_per_s"
_MAX_FAMILIES = 12
_STYLES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")


def draw(results: Results) -> Figure:
    """Draw small multiples on shared axes; a line per model, its dashes show the backend."""
    cells = select.cells(results)
    cells = cells[cells.groupby(["model", "backend"])["batch_size"].transform("nunique") >= 2]
    if cells.empty:
        raise ChartMissing("No model was run at two batch sizes, so throughput has no curve.")
    backends, rest = select.backends(cells, most=len(_STYLES))
    cells = cells[cells["backend"].isin(backends)]
    families, cut = _families(cells)
    looks = colours.families(results)
    drawn, axes = canvas.panels([family or "no family" for family in families], 2.1, columns=3)
    span = (float(cells[_RATE].min()), float(cells[_RATE].max()))
    for panel, family in zip(axes, families, strict=True):
        _panel(panel, cells[cells["family"] == family], backends, looks[family].colour)
        _ends(panel, cells[cells["family"] == family], span)
        canvas.batch_axis(panel, sorted(cells["batch_size"].unique()))
        panel.set_yscale("log")
        canvas.plain_log_ticks(panel, "y")
        panel.tick_params(labelsize=7)
        panel.margins(y=0.16)
    canvas.axis_labels(axes, "Batch size (images)", label(_RATE))
    if len(backends) > 1:
        handles = [
            Line2D([], [], color=colours.FIT, linestyle=style, label=backend)
            for backend, style in zip(backends, _STYLES, strict=False)
        ]
        canvas.legend_above(drawn, handles)
    shown = cells[cells["family"].isin(families)].groupby(["family", "backend"])["model"].nunique().max()
    thin = f"At most {canvas.MAX_CURVES} models per family are drawn." if shown > canvas.MAX_CURVES else ""
    canvas.note(
        drawn, "Named: the fastest and the slowest model of a family, by best throughput.", cut, thin, rest
    )
    return drawn


def _families(cells: pd.DataFrame) -> tuple[list[str], str]:
    counts = cells.groupby("family")["model"].nunique().sort_values(ascending=False, kind="stable")
    kept = sorted(counts.index[:_MAX_FAMILIES])
    cut = len(counts) - len(kept)
    return kept, f"The {len(kept)} families with the most models; {cut} others not drawn." if cut else ""


def _panel(axes: Axes, cells: pd.DataFrame, backends: list[str], colour: str) -> None:
    many = len(cells) > canvas.MANY_POINTS
    for backend, style in zip(backends, _STYLES, strict=False):
        canvas.curves(
            axes, cells[cells["backend"] == backend], _RATE, color=colour, linestyle=style,
            linewidth=0.5 if many else 1.1, alpha=0.4 if many else 1.0,
        )  # fmt: skip


def _ends(axes: Axes, cells: pd.DataFrame, span: tuple[float, float]) -> None:
    """Name the fastest and the slowest model, below or above the curves' ends."""
    peaks = cells.groupby("label")[_RATE].max().sort_values()
    texts = (
        [f"fastest: {peaks.index[-1]}", f"slowest: {peaks.index[0]}"] if len(peaks) > 1 else [peaks.index[0]]
    )
    ends = cells.loc[cells.groupby(["model", "backend"])["batch_size"].idxmax(), _RATE]
    axes.legend(
        handles=[Line2D([], [], linestyle="", label=text) for text in texts],
        loc="lower right" if ends.min() / span[0] > span[1] / ends.max() else "upper right",
        fontsize=6.5, handlelength=0, handletextpad=0, borderpad=0.2, labelspacing=0.2,
    )  # fmt: skip


CHARTS = (Chart(
    "throughput_batch", 80, "Throughput against batch size", draw,
    "Images per second against batch size on log axes, a panel per family, all on the same scales.",
),)  # fmt: skip
