"""The study's pooled regression: one exponential through the centroid of each batch size."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.charts import Chart, ChartMissing, canvas, colours, select
from perfexp.metrics import label

_TIME = "latency_per_image_ms"


def draw(results: Results) -> Figure:
    """Draw a panel per backend: models as dots, centroids as diamonds, the curve with its band."""
    fits = select.filled(results, "centroids")
    cells = select.cells(results)
    fits = fits.assign(backend=fits["backend"].astype(str))
    cells = cells[cells["backend"].isin(fits["backend"])]
    if cells.empty:
        raise ChartMissing("No backend with centroids has a time per image.")
    backends, rest = select.backends(cells)
    drawn, axes = canvas.panels(backends, 4.2 if len(backends) == 1 else 3.4)
    looks = colours.families(results)
    for panel, backend in zip(axes, backends, strict=True):
        one = cells[cells["backend"] == backend]
        panel.set_yscale("log")
        colours.dots(panel, canvas.sideways(one["batch_size"]), one[_TIME], one["family"], looks, 14.0)
        _curve(panel, fits[fits["backend"] == backend].sort_values("batch_size"))
        canvas.plain_log_ticks(panel, "y")
        canvas.batch_axis(panel, sorted(one["batch_size"].unique()))
        panel.legend(loc="upper right")
    axes[0].set_ylim(cells[_TIME].min() / 1.5, cells[_TIME].max() * 1.5)
    canvas.axis_labels(axes, "Batch size (images)", label(_TIME))
    colours.legend(drawn, looks, cells["family"])
    counts = fits.groupby("backend")["models"].first().astype(int)
    pooled = ", ".join(f"{counts[backend]} on {backend}" for backend in backends)
    canvas.note(
        drawn, f"A centroid is the mean over the largest k-means cluster ({pooled} of "
        f"{cells['model'].nunique()} models) at one batch size; the dots are moved sideways.", rest,
    )  # fmt: skip
    return drawn


def _curve(axes: Axes, fit: pd.DataFrame) -> None:
    squared = fit["r_squared"].iloc[0]
    low = fit["low_per_image_ms"].clip(lower=1e-9)  # what a log axis can show
    axes.fill_between(
        fit["batch_size"], low, fit["high_per_image_ms"], color=colours.FIT, alpha=0.15, linewidth=0,
        label="95 % band",
    )  # fmt: skip
    axes.plot(
        fit["batch_size"], fit["predicted_per_image_ms"], color=colours.FIT,
        label=f"exponential, R² = {squared:.3f}",
    )  # fmt: skip
    measured = fit.dropna(subset="centroid_per_image_ms")
    axes.plot(
        measured["batch_size"], measured["centroid_per_image_ms"], linestyle="", marker="D", markersize=6,
        color="white", markeredgecolor=colours.FIT, markeredgewidth=1.4, label="centroid",
    )  # fmt: skip


CHARTS = (Chart(
    "latency_centroids", 41, "Pooled regression through centroids", draw,
    "The study's variant: an exponential through the mean time per image at each batch size, with its 95 % "
    "band. It pools the models, so it describes the set and not any single model.",
),)  # fmt: skip
