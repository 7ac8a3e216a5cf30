"""Relative errors of the selected fits against batch size."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.charts import canvas, colours, labels, select
from perfexp.charts.base import Chart

_OUTLIER = 3.0
_LABELLED = 10


def draw(results: Results) -> Figure:
    """A panel a backend: one point a cell, the median at each batch size as a line."""
    rows = select.residuals(results)
    rows = rows.assign(error=100 * rows["error"], place=canvas.sideways(rows["batch_size"]))
    backends, rest = select.backends(rows)
    looks = colours.families(results)
    drawn, axes = canvas.panels(backends, 3.8)
    parts = [rows[rows["backend"] == backend] for backend in backends]
    scatters = [_panel(panel, part, looks) for panel, part in zip(axes, parts, strict=True)]
    canvas.batch_axis(axes[0], sorted(rows["batch_size"].astype(int).unique()))
    canvas.axis_labels(axes, "Batch size (images)", "(predicted − measured) / measured (%)")
    colours.legend(drawn, looks, rows["family"])
    outliers = [_outliers(part) for part in parts]
    canvas.note(
        drawn,
        f"Line: median at each batch size; the dots are moved sideways. {sum(map(len, outliers)):,} points "
        f"lie beyond {_OUTLIER:g} standard deviations; a panel's {_LABELLED} furthest are labelled where "
        "there is room.",
        rest,
    )
    for panel, part, points in zip(axes, outliers, scatters, strict=True):
        worst = part.head(_LABELLED)
        labels.place(panel, worst["place"], worst["error"], list(worst["label"]), points, size=7)
    return drawn


def _panel(axes: Axes, rows: pd.DataFrame, looks: colours.Looks) -> PathCollection:
    middle = rows.groupby("batch_size")["error"].median()
    axes.plot(middle.index, middle, color=colours.FIT, linewidth=1.2)
    axes.axhline(0, color=colours.FIT, linewidth=0.8, linestyle="--")
    axes.margins(y=0.1)
    return colours.dots(axes, rows["place"], rows["error"], rows["family"], looks)


def _outliers(rows: pd.DataFrame) -> pd.DataFrame:
    if "standardised" not in rows:
        return rows.head(0)
    far = rows["standardised"].abs()
    return rows.assign(far=far)[far > _OUTLIER].sort_values("far", ascending=False)


CHART = Chart(
    name="fit_residuals",
    title="Residuals of the fits",
    caption=(
        "Relative error of each selected fit, by batch size: a line away from zero is a bias of the form, a "
        "point far out is a measurement that does not follow its own model's curve."
    ),
    draw=draw,
    order=91,
)
