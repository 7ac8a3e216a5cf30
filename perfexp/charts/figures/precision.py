"""Measured accuracy against throughput across precisions, model by model."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from perfexp.analysis.comparison import frontier
from perfexp.analysis.results import Results
from perfexp.charts import Chart, canvas, colours, labels, select

_RATE = "model_images_per_s"
_MARKERS = {"f32": "o", "f16": "^", "bf16": "s", "int8": "D"}
"""From the finest precision to the coarsest; lines join them in this order."""
_OTHER_MARKER = "X"
_ALL_LABELLED = 12
_AREA = 42.0
Line = NDArray[np.float64]


def draw(results: Results) -> Figure:
    """Draw one panel per backend and one line per model, with a marker for each precision."""
    select.filled(results, "evaluations")
    found = select.rows(results, results.evaluations, "evaluation", "top1", "top1_high", _RATE)
    found = found.assign(label=_named(found), place=found["precision"].map(_place)).sort_values("place")
    names, rest = select.backends(found)
    drawn, panels = canvas.panels(names, 3.6)
    looks = colours.families(results)
    drawn_lines = [
        [_line(axes, own, looks) for _, own in found[found["backend"] == name].groupby("model")]
        for axes, name in zip(panels, names, strict=True)
    ]
    canvas.axis_labels(panels, "Throughput of the model (images/s)", "Measured top-1 accuracy (%)")
    colours.legend(drawn, looks, found["family"], bars=True)  # shapes are the precisions'
    _legend(drawn, found["precision"].unique())
    canvas.note(
        drawn, _images(found), "Both axes are of the same runs; throughput is of forward passes alone.", rest
    )
    for axes, name, lines in zip(panels, names, drawn_lines, strict=True):
        _label(axes, found[found["backend"] == name], [line for pair in lines for line in pair])
    return drawn


def _named(found: pd.DataFrame) -> "pd.Series[str]":
    """Return the display names of the evaluations where the cells have none."""
    names = found.get("display_name", found["model"]).astype(object).fillna(found["model"])
    return found["label"].where(found["label"] != found["model"], names.astype(str))


def _place(precision: str) -> int:
    return list(_MARKERS).index(precision) if precision in _MARKERS else len(_MARKERS)


def _line(axes: Axes, own: pd.DataFrame, looks: colours.Looks) -> Sequence[Line]:
    """Draw one model, and return the lines that labels must not cover."""
    colour = looks[own["family"].iloc[0]].colour
    axes.plot(own[_RATE], own["top1"], color=colour, linewidth=1, alpha=0.6, zorder=1.8)
    whiskers = (own["top1"] - own["top1_low"], own["top1_high"] - own["top1"])
    axes.errorbar(
        own[_RATE], own["top1"], yerr=whiskers, fmt="none", ecolor=colour, elinewidth=1, capsize=2.5
    )
    for rate, top1, precision in zip(own[_RATE], own["top1"], own["precision"], strict=True):
        axes.scatter(
            rate, top1, s=_AREA, marker=_MARKERS.get(precision, _OTHER_MARKER), color=colour,
            edgecolor=colours.EDGE, linewidth=0.5, zorder=3,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.margins(0.12)
    canvas.plain_log_ticks(axes, "x")
    covered = [
        np.array([[rate, low], [rate, high]])
        for rate, low, high in zip(own[_RATE], own["top1_low"], own["top1_high"], strict=True)
    ]
    return [own[[_RATE, "top1"]].to_numpy(dtype=float), *covered]


def _legend(drawn: Figure, precisions: Iterable[str]) -> None:
    handles = [
        Line2D(
            [], [], linestyle="", marker=_MARKERS.get(name, _OTHER_MARKER), color=colours.GREY,
            markeredgecolor=colours.EDGE, markeredgewidth=0.5, markersize=6, label=name,
        )
        for name in precisions
    ]  # fmt: skip
    drawn.legend(handles=handles, loc="outside right lower", title="Precision", alignment="left")


def _images(found: pd.DataFrame) -> str:
    counts = found["images"].astype(int)
    low, high = counts.min(), counts.max()
    how_many = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    of = ", ".join(sorted(found["dataset"].astype(str).unique()))
    sizes = ", ".join(f"{size:,}" for size in sorted(found["batch_size"].astype(int).unique()))
    return f"Whiskers: 95 % Wilson interval, n = {how_many} images of {of}. Batch size {sizes}."


def _label(axes: Axes, found: pd.DataFrame, lines: Sequence[Line]) -> None:
    """Label each model at its finest precision; of many models only those on the frontier."""
    first = found.drop_duplicates("model")
    if len(first) > _ALL_LABELLED:
        first = first[frontier(first, _RATE, "top1")]
    points = axes.scatter(found[_RATE], found["top1"], s=_AREA, alpha=0)
    labels.place(axes, first[_RATE], first["top1"], list(first["label"]), points, size=8, lines=lines)


CHARTS = (Chart(
    "precision", 55, "Accuracy against speed across precisions", draw,
    "Measured top-1 accuracy with its interval against the images per second of the same runs; a line joins "
    "one model's precisions, the marker shows the precision, the colour the family.",
),)  # fmt: skip
