"""Speed-up of each backend over a reference, model by model."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from perfexp.analysis.results import Results
from perfexp.charts import Chart, ChartMissing, canvas, colours, select

_REFERENCE = "torch"
_MAX_MODELS = 50
_MIN_TICKS = 3
_WIDE = 20
"""Axes over a wider range have ticks at 1, 2 and 5 only, or their labels overlap."""
_NICE = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 20, 50, 100)


def draw(results: Results) -> Figure:
    """Draw one row per model and one marker per backend: geometric mean over batch sizes, with interval."""
    cells = select.cells(results)
    names = sorted(cells["backend"].unique())
    if len(names) < 2:
        raise ChartMissing(f"A speed-up needs two backends, and all runs are of {names[0]}.")
    reference = _REFERENCE if _REFERENCE in names else _most_paired(cells)
    ratios = _ratios(cells, reference)
    others, rest = select.backends(ratios, most=len(colours.COLOURS))
    alone = ", ".join(sorted({*names} - {reference} - {*ratios["backend"]}))
    ratios = ratios[ratios["backend"].isin(others)]
    order, cut = select.top(
        ratios.groupby("label")["speedup"].max().reset_index(), "speedup", _MAX_MODELS,
        "The {shown} of {all:,} models with the highest speed-up.",
    )  # fmt: skip
    drawn = canvas.figure(1.4 + 0.19 * len(order))
    axes = drawn.subplots()
    _intervals(axes, ratios, others, order["label"].tolist())
    axes.set(xscale="log", xlabel=f"Speed-up over {reference} (ratio of times per image, log axis)")
    _ticks(axes)
    canvas.legend_above(drawn)
    means = "Geometric mean over the batch sizes run on both; bars: 95 % t-interval, none with one size."
    canvas.note(drawn, means, cut, rest, f"No cell in common with {reference}: {alone}." if alone else "")
    return drawn


def _intervals(axes: Axes, ratios: pd.DataFrame, backends: list[str], order: list[str]) -> None:
    offsets = np.linspace(-0.25, 0.25, len(backends)) if len(backends) > 1 else [0.0]
    rank = {label: place for place, label in enumerate(order)}
    for backend, offset, shade in zip(backends, offsets, colours.sequence(len(backends)), strict=True):
        one = ratios[ratios["backend"] == backend]
        overall = np.exp(np.log(one["speedup"]).mean())
        shown = one[one["label"].isin(rank)]
        whiskers = (shown["speedup"] - shown["low"], shown["high"] - shown["speedup"])
        axes.errorbar(
            shown["speedup"], shown["label"].map(rank) + offset, xerr=whiskers, fmt="o", markersize=4.5,
            elinewidth=1, color=shade, label=f"{backend}: {overall:.2f} × over all {len(one):,} models",
        )  # fmt: skip
    axes.axvline(1.0, color=colours.FIT, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(rank)), order)
    axes.set_ylim(-0.7, len(rank) - 0.3)


def _most_paired(cells: pd.DataFrame) -> str:
    """Return the backend with the most cells that another one has too; of equals the first by name."""
    shared = cells.groupby(["model", "batch_size"])["backend"].transform("nunique") > 1
    counts = cells.assign(shared=shared).groupby("backend")["shared"].sum()
    return str(counts.idxmax())


def _ratios(cells: pd.DataFrame, reference: str) -> pd.DataFrame:
    keys = ["model", "batch_size"]
    time = "latency_per_image_ms"
    base = cells[cells["backend"] == reference].set_index(keys)[time].rename("base")
    paired = cells[cells["backend"] != reference].join(base, on=keys, how="inner")
    if paired.empty:
        raise ChartMissing(f"No model was run at one batch size on both {reference} and another backend.")
    logs = np.log(paired["base"] / paired[time])
    groups = paired.assign(log=logs).groupby(["label", "backend"], as_index=False)["log"]
    found = groups.agg(["mean", "sem", "count"])
    half_width = stats.t.ppf(0.975, found["count"] - 1) * found["sem"]
    return found.assign(
        speedup=np.exp(found["mean"]),
        low=np.exp(found["mean"] - half_width),
        high=np.exp(found["mean"] + half_width),
    )


def _ticks(axes: Axes) -> None:
    low, high = axes.get_xlim()
    nice = [value for value in _NICE if low < value < high]
    if high > _WIDE * low:
        nice = [value for value in nice if f"{value:e}"[0] in "125" and value != 1.5]
    if len(nice) < _MIN_TICKS:
        nice = [value for value in MaxNLocator(5).tick_values(low, high) if low < value < high]
    axes.set_xticks(nice, [f"{value:g} ×" for value in nice])
    axes.minorticks_off()


CHARTS = (Chart(
    "backend_speedup", 70, "Backend speed-up", draw,
    "A model's time per image on the reference backend over that on another; above 1 is faster.",
),)  # fmt: skip
