"""Pictures of a validation: predicted against measured, each family's error, intervals' coverage."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.stats import binomtest

SCHEMES = {"model": "model held out", "family": "family held out", "batch": "largest batches held out"}
_MAX_FAMILIES = 30
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
    largest = table["family"].value_counts().index[:_MAX_FAMILIES]
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


def coverage(table: pd.DataFrame, promised: float) -> Figure:
    """The share of cells inside their interval, by batch size and by family, beside the share promised."""
    inside = table.assign(inside=table["measured_ms"].between(table["low_ms"], table["high_ms"]))
    largest = table["family"].value_counts().index[:_MAX_FAMILIES]
    figure, panels = _panels(table, 1.5 + 0.25 * (len(largest) + table["batch_size"].nunique()))
    for scheme, axes in panels.items():
        rows = inside[inside["scheme"] == scheme]
        by_size = {f"batch {size}": own["inside"] for size, own in rows.groupby("batch_size")}
        named = rows[rows["family"].isin(largest)]
        by_family = {str(family): own["inside"] for family, own in named.groupby(named["family"].astype(str))}
        groups = {**by_size, **by_family, "all": rows["inside"]}
        for place, own in enumerate(groups.values()):
            found = binomtest(int(own.sum()), len(own)).proportion_ci(0.95, "wilson")
            axes.plot([100 * found.low, 100 * found.high], [place, place], color=_GREY, linewidth=1)
            axes.plot(100 * own.mean(), place, "o", color=_BLUE, markersize=3.5)
        axes.set_yticks(range(len(groups)), list(groups))
        axes.axvline(100 * promised, color="black", linewidth=0.8)
        axes.set(xlabel="Cells inside their interval (%), 95 % interval", xlim=(0, 102))
        axes.set_title(f"{SCHEMES[scheme]}: {rows['inside'].mean():.1%}", fontsize=9)
    return figure


def _panels(table: pd.DataFrame, height_in: float = 4.2) -> tuple[Figure, dict[str, Axes]]:
    shown = [scheme for scheme in SCHEMES if (table["scheme"] == scheme).any()]
    figure = Figure(figsize=(4.2 * len(shown), height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, dict(zip(shown, figure.subplots(1, len(shown), squeeze=False)[0], strict=True))
