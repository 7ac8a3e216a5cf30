"""Accuracy against throughput, with the Pareto frontier of each backend."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from perfexp.analysis.comparison import frontier
from perfexp.analysis.results import Results
from perfexp.charts import Chart, ChartMissing, canvas, colours, labels, select
from perfexp.metrics import label

_RATE = "throughput_images_per_s"
_ALL_LABELLED = 8


def draw(results: Results) -> Figure:
    """Draw each backend twice: at the batch size that most models have, and each model at its best."""
    shown = select.accuracy(results)
    keys, accuracy = list(shown.keys), shown.column
    known = select.rows(results, results.runs, "run", accuracy).drop_duplicates(keys)
    cells = select.cells(results).join(known.set_index(keys)[accuracy], on=keys).dropna(subset=accuracy)
    if cells.empty:
        raise ChartMissing(f"No model with a {shown.word.lower()} top-1 has a time per image.")
    backends, rest = select.backends(cells)
    views = [view for backend in backends for view in _views(backend, cells[cells["backend"] == backend])]
    drawn, axes = canvas.panels([title for title, _ in views], 3.4)
    looks = colours.families(results)
    chosen = [points for _, points in views]
    scatters = [_points(panel, points, accuracy, looks) for panel, points in zip(axes, chosen, strict=True)]
    canvas.axis_labels(axes, label(_RATE), f"{shown.word} top-1 accuracy (%)")
    colours.legend(drawn, looks, cells["family"])
    canvas.note(
        drawn,
        "Stepped line: the Pareto frontier, models no other beats in both; labelled where there is room.",
        rest,
    )
    for panel, points, scatter in zip(axes, chosen, scatters, strict=True):
        best = points if len(points) <= _ALL_LABELLED else points[frontier(points, _RATE, accuracy)]
        labels.place(panel, best[_RATE], best[accuracy], list(best["label"]), scatter, size=7)
    return drawn


def _views(backend: str, cells: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return panel titles and points; of equally common batch sizes the smallest is taken."""
    counts = cells["batch_size"].value_counts()
    common = int(counts[counts == counts.max()].index.min())
    at_common = (f"{backend}, batch size {common:,}", cells[cells["batch_size"] == common])
    if len(counts) == 1:
        return [at_common]
    best = cells.loc[cells.groupby("model")[_RATE].idxmax()]
    return [at_common, (f"{backend}, best batch size of each model", best)]


def _points(axes: Axes, points: pd.DataFrame, accuracy: str, looks: colours.Looks) -> PathCollection:
    scatter = colours.dots(axes, points[_RATE], points[accuracy], points["family"], looks, 32.0)
    best = points[frontier(points, _RATE, accuracy)].sort_values(_RATE)
    axes.step(best[_RATE], best[accuracy], where="pre", color=colours.FIT, linewidth=1, zorder=1.5)
    axes.set_xscale("log")
    axes.margins(0.1)
    canvas.plain_log_ticks(axes, "x")
    return scatter


CHARTS = (Chart(
    "accuracy_throughput", 50, "Accuracy against throughput", draw,
    "Top-1 accuracy, published or measured as the axis says, against images per second, at the batch size "
    "most models were run at and at the one where each is fastest, with the Pareto frontier of each backend.",
),)  # fmt: skip
