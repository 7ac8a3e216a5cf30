"""Pictures of a validation: predicted against measured, and the error of each family."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SCHEMES = {"model": "model held out", "family": "family held out", "batch": "largest batches held out"}
_MOST_FAMILIES = 30
_BLUE, _GREY = "#332288", "#777777"


def predicted_measured(table: pd.DataFrame) -> Figure:
    """One panel a scheme, with the interval of every cell."""
    figure, panels = _panels(table)
    for scheme, axes in panels.items():
        rows = table[table["scheme"] == scheme]
        below, above = rows["predicted_ms"] - rows["low_ms"], rows["high_ms"] - rows["predicted_ms"]
        axes.errorbar(
            rows["measured_ms"], rows["predicted_ms"], (below, above), fmt="o", markersize=2.5,
            color=_BLUE, ecolor=_GREY, elinewidth=0.4, alpha=0.7,
        )  # fmt: skip
        ends = [rows["measured_ms"].min(), rows["measured_ms"].max()]
        axes.plot(ends, ends, color="black", linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlabel="Measured batch latency (ms)")
        inside = rows["measured_ms"].between(rows["low_ms"], rows["high_ms"]).mean()
        axes.set_title(f"{SCHEMES[scheme]}: {inside:.1%} of {len(rows)} cells inside", fontsize=9)
    next(iter(panels.values())).set_ylabel("Predicted batch latency (ms), with its interval")
    return figure


def error_by_family(table: pd.DataFrame) -> Figure:
    """A box a family of absolute relative errors, the largest families first."""
    largest = table["family"].value_counts().index[:_MOST_FAMILIES]
    figure, panels = _panels(table, 1.5 + 0.25 * len(largest))
    for scheme, axes in panels.items():
        rows = table[(table["scheme"] == scheme) & table["family"].isin(largest)]
        errors = 100 * (rows["predicted_ms"] / rows["measured_ms"] - 1).abs()
        named = {str(family): own.to_numpy() for family, own in errors.groupby(rows["family"].astype(str))}
        axes.boxplot(
            list(named.values()), orientation="horizontal", tick_labels=list(named), whis=(5, 95), sym=""
        )
        axes.set(xlabel="Absolute error (%)", xscale="log")
        axes.set_title(SCHEMES[scheme], fontsize=9)
    return figure


def _panels(table: pd.DataFrame, height_in: float = 4.2) -> tuple[Figure, dict[str, Axes]]:
    shown = [scheme for scheme in SCHEMES if (table["scheme"] == scheme).any()]
    figure = Figure(figsize=(4.2 * len(shown), height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, dict(zip(shown, figure.subplots(1, len(shown), squeeze=False)[0], strict=True))
