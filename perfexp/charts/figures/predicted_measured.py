"""Predicted against measured latency of the selected fits."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from perfexp.analysis.results import Results
from perfexp.charts import Chart, canvas, colours, labels, select

_LABELLED = 6


def draw(results: Results) -> Figure:
    """Draw a panel per backend on log axes, with the identity as a line."""
    rows = select.residuals(results)
    backends, rest = select.backends(rows)
    looks = colours.families(results)
    medians = rows["error"].abs().groupby(rows["backend"]).median()
    titles = [f"{backend}, median absolute error {100 * medians[backend]:.1f} %" for backend in backends]
    drawn, axes = canvas.panels(titles, 4.6 if len(backends) == 1 else 3.8)
    ends = np.array([rows["measured_ms"].min(), rows["measured_ms"].max()])
    parts = [rows[rows["backend"] == backend] for backend in backends]
    scatters = [_panel(panel, part, ends, looks) for panel, part in zip(axes, parts, strict=True)]
    axes[0].set(xlim=ends * (0.7, 1.4), ylim=ends * (0.4, 2.5))
    canvas.axis_labels(axes, "Measured batch latency (ms)", "Predicted batch latency (ms)")
    colours.legend(drawn, looks, rows["family"])
    labelled = f"Labelled: the {_LABELLED} largest relative errors, with their batch size."
    canvas.note(drawn, "Line: prediction equals measurement; band: ± 20 %.", labelled, rest)
    for panel, part, points in zip(axes, parts, scatters, strict=True):
        worst = part.loc[part["error"].abs().nlargest(_LABELLED).index]
        texts = [f"{row.label}, {row.batch_size:g}" for row in worst.itertuples()]
        labels.place(panel, worst["measured_ms"], worst["predicted_ms"], texts, points, size=7)
    return drawn


def _panel(axes: Axes, rows: pd.DataFrame, ends: NDArray[np.float64], looks: colours.Looks) -> PathCollection:
    axes.plot(ends, ends, color=colours.FIT, linewidth=1, zorder=1.5)
    axes.fill_between(ends, ends * 0.8, ends * 1.2, color=colours.FIT, alpha=0.08, linewidth=0)
    axes.set(xscale="log", yscale="log")
    canvas.plain_log_ticks(axes, "x")
    canvas.plain_log_ticks(axes, "y")
    return colours.dots(axes, rows["measured_ms"], rows["predicted_ms"], rows["family"], looks)


CHARTS = (Chart(
    "predicted_measured", 90, "Predicted against measured", draw,
    "Batch latency by the selected fit against the measured one. The fits include these points: this shows "
    "how well the form describes them, not how well it extrapolates.",
),)  # fmt: skip
