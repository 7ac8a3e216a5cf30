"""Accuracy against multiply-accumulates; a ball's area is the number of parameters."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perfexp.analysis.comparison import frontier
from perfexp.analysis.results import Results
from perfexp.charts import Chart, canvas, colours, labels, select

_ALL_LABELLED = 40
_AREA_FEW, _AREA_MANY, _AREA_MIN = 900.0, 150.0, 4.0
_MANY = 200
_NAMES = {"top1": "top-1", "top5": "top-5"}


def draw(results: Results, rank: str) -> Figure:
    """Draw one ball per model; ``rank`` is ``top1`` or ``top5``, published or measured."""
    shown = select.accuracy(results, rank)
    accuracy = shown.column
    models = select.per_model(results, accuracy, "macs", "params").sort_values("params", ascending=False)
    looks = colours.families(results)
    drawn = canvas.figure(6.2)
    axes = drawn.subplots()
    largest = _AREA_FEW if len(models) <= _MANY else _AREA_MANY
    per_param = largest / models["params"].max()
    area = np.maximum(models["params"] * per_param, _AREA_MIN)
    points = colours.dots(axes, models["macs"] / 1e9, models[accuracy], models["family"], looks, area)
    axes.set(
        xscale="log",
        xlabel="Multiply-accumulates for one image (GMAC)",
        ylabel=f"{shown.word} {_NAMES[rank]} accuracy (%)",
    )
    axes.margins(0.08)
    canvas.plain_log_ticks(axes, "x")
    colours.legend(drawn, looks, models["family"])
    _size_legend(drawn, models, per_param)
    chosen, sentence = models, ""
    if len(models) > _ALL_LABELLED:
        chosen = models[frontier(models, "macs", accuracy)]
        sentence = f"{len(models):,} models; labelled, where there is room, are those no other beats in both."
    canvas.note(drawn, sentence, _omitted(results.runs["model"].nunique() - len(models)))
    labels.place(axes, chosen["macs"] / 1e9, chosen[accuracy], list(chosen["label"]), points)
    return drawn


def _omitted(count: int) -> str:
    if not count:
        return ""
    models = "1 model" if count == 1 else f"{count:,} models"
    return f"{models} without accuracy, MACs or parameters {'is' if count == 1 else 'are'} not drawn."


def _size_legend(drawn: Figure, models: pd.DataFrame, per_param: float) -> None:
    low, high = np.log10(models["params"].min()), np.log10(models["params"].max())
    sizes = dict.fromkeys(float(f"{10**power:.1g}") for power in (low, (low + high) / 2, high))
    spacing = max(0.6, np.sqrt(max(sizes) * per_param) / 8 - 0.8)
    handles = [
        Line2D(
            [], [], linestyle="", marker="o", color="none", markeredgecolor=colours.EDGE,
            markersize=np.sqrt(size * per_param), label=f"{size / 1e6:g} M",
        )
        for size in sizes
    ]  # fmt: skip
    drawn.legend(
        handles=handles, loc="outside right lower", title="Parameters", labelspacing=spacing,
        borderpad=spacing / 2,
    )  # fmt: skip


CHARTS = tuple(
    Chart(
        f"{rank}_macs", order, f"{name.capitalize()} accuracy against computation", partial(draw, rank=rank),
        "Accuracy, published for the named weights or measured as the axis says, against "
        "multiply-accumulates for one image (half of the FLOPs), on a log axis; a ball's area is the "
        "number of parameters.",
    )
    for order, (rank, name) in zip((10, 14), _NAMES.items(), strict=True)
)  # fmt: skip
