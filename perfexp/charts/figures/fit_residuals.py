"""Relative errors of the selected fits against batch size."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.analysis.scaling.outliers import LIMIT
from perfexp.charts import Chart, canvas, colours, labels, select

_LABELLED = 10


def draw(results: Results) -> Figure:
    """Draw a panel per backend: one point per cell, and the median at each batch size as a line."""
    rows = select.residuals(results)
    rows = rows.assign(error=100 * rows["error"], place=canvas.sideways(rows["batch_size"]))
    backends, rest = select.backends(rows)
    looks = colours.families(results)
    drawn, axes = canvas.panels(backends, 3.8)
    parts = [rows[rows["backend"] == backend] for backend in backends]
    scatters = [_panel(panel, part, looks) for panel, part in zip(axes, parts, strict=True)]
    canvas.batch_axis(axes[0], sorted(rows["batch_size"].astype(int).unique()))
    canvas.axis_labels(axes, "Batch size (images)", "Relative error, (predicted − measured) / measured (%)")
    colours.legend(drawn, looks, rows["family"])
    outliers = [_outliers(part) for part in parts]
    canvas.note(
        drawn,
        f"Line: median at each batch size; the dots are moved sideways. {sum(map(len, outliers)):,} points "
        f"contradict the other points of their curve by more than {LIMIT:g} robust standard deviations; a "
        f"panel's {_LABELLED} furthest are labelled where there is room.",
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
    """Return the cells that the analysis flags as outliers, the furthest from their fit first."""
    odd = rows[rows["outlier"].astype(bool)]
    return odd.loc[odd["standardised"].abs().sort_values(ascending=False).index]


CHARTS = (Chart(
    "fit_residuals", 91, "Residuals of the fits", draw,
    "Relative error of each selected fit, by batch size: a line away from zero is a bias of the form, a "
    "labelled point is a measurement that does not follow the curve of its model.",
),)  # fmt: skip
