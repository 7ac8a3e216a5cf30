"""Predicted against measured latency of the selected fits."""

import numpy as np
from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.charts.base import Chart
from perfexp.charts.parts import canvas, colours, labels, select

_LABELLED = 6


def draw(results: Results) -> Figure:
    """A panel a backend, log axes, the identity as a line."""
    rows = select.rows(
        results,
        select.filled(results, "residuals", "scaling"),
        "fit",
        "measured_ms",
        "predicted_ms",
        "batch_size",
    )
    rows = rows.assign(off=np.abs(rows["predicted_ms"] / rows["measured_ms"] - 1))
    backends, rest = select.backends(rows)
    looks = colours.families(results)
    medians = rows.groupby("backend")["off"].median()
    titles = [f"{backend}, median absolute error {100 * medians[backend]:.1f} %" for backend in backends]
    drawn, axes = canvas.panels(titles, 4.6 if len(backends) == 1 else 3.8)
    ends = np.array([rows["measured_ms"].min(), rows["measured_ms"].max()])
    scatters = []
    for panel, backend in zip(axes, backends, strict=True):
        one = rows[rows["backend"] == backend]
        many = len(one) > canvas.MANY_POINTS
        points = panel.scatter(
            one["measured_ms"], one["predicted_ms"], s=4 if many else 18, alpha=0.6, rasterized=many
        )
        colours.dress(points, looks, one["family"])
        points.set_linewidth(0 if many else 0.3)
        scatters.append((panel, one, points))
        panel.plot(ends, ends, color=colours.FIT, linewidth=1, zorder=1.5)
        panel.fill_between(ends, ends * 0.8, ends * 1.2, color=colours.FIT, alpha=0.08, linewidth=0)
        panel.set(xscale="log", yscale="log")
        canvas.plain_log_ticks(panel, "x")
        canvas.plain_log_ticks(panel, "y")
    axes[0].set(xlim=ends * (0.7, 1.4), ylim=ends * (0.4, 2.5))
    canvas.axis_labels(axes, "Measured batch latency (ms)", "Predicted batch latency (ms)")
    colours.legend(drawn, looks, rows["family"])
    canvas.note(
        drawn, f"Line: prediction equals measurement; band: ± 20 %. Labelled: the {_LABELLED} largest "
        "relative errors, with their batch size.", rest,
    )  # fmt: skip
    for panel, one, points in scatters:
        worst = one.nlargest(_LABELLED, "off")
        texts = [f"{row.label}, {row.batch_size:g}" for row in worst.itertuples()]
        labels.place(panel, worst["measured_ms"], worst["predicted_ms"], texts, points, size=7)
    return drawn


CHART = Chart(
    name="predicted_measured",
    title="Predicted against measured",
    caption=(
        "Batch latency by the selected fit against the measured one. The fits have seen these points: this "
        "shows how well the form describes them, not how well it extrapolates."
    ),
    draw=draw,
    order=90,
)
