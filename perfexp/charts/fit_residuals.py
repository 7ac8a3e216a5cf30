"""Relative errors of the selected fits against batch size."""

import pandas as pd
from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.charts.base import Chart
from perfexp.charts.parts import canvas, colours, labels, select

_OUTLIER = 3.0
_LABELLED = 10


def draw(results: Results) -> Figure:
    """A panel a backend: one point a cell, the median at each batch size as a line."""
    rows = select.rows(
        results,
        select.filled(results, "residuals", "scaling"),
        "fit",
        "measured_ms",
        "predicted_ms",
        "batch_size",
    )
    rows = rows.assign(error=100 * (rows["predicted_ms"] / rows["measured_ms"] - 1))
    backends, rest = select.backends(rows)
    looks = colours.families(results)
    drawn, axes = canvas.panels(backends, 3.8)
    scatters = []
    for panel, backend in zip(axes, backends, strict=True):
        one = rows[rows["backend"] == backend]
        many = len(one) > canvas.MANY_POINTS
        one = one.assign(place=canvas.sideways(one["batch_size"]))
        points = panel.scatter(one["place"], one["error"], s=4 if many else 18, alpha=0.7, rasterized=many)
        colours.dress(points, looks, one["family"])
        points.set_linewidth(0 if many else 0.3)
        middle = one.groupby("batch_size")["error"].median()
        panel.plot(middle.index, middle, color=colours.FIT, linewidth=1.2)
        panel.axhline(0, color=colours.FIT, linewidth=0.8, linestyle="--")
        panel.margins(y=0.1)
        canvas.batch_axis(panel, sorted(rows["batch_size"].astype(int).unique()))
        scatters.append((panel, _outliers(one), points))
    canvas.axis_labels(axes, "Batch size (images)", "(predicted − measured) / measured (%)")
    colours.legend(drawn, looks, rows["family"])
    found = sum(len(outliers) for _, outliers, _ in scatters)
    canvas.note(
        drawn,
        f"Line: median at each batch size; the dots are moved sideways. {found:,} points lie beyond "
        f"{_OUTLIER:g} standard deviations; a panel's {_LABELLED} furthest are labelled where there is room.",
        rest,
    )
    for panel, outliers, points in scatters:
        worst = outliers.head(_LABELLED)
        labels.place(panel, worst["place"], worst["error"], list(worst["label"]), points, size=7)
    return drawn


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
