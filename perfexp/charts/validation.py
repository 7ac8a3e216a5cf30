"""Figures of a validation: predicted against measured, errors by family, coverage of the intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perfexp.analysis.comparison import wilson
from perfexp.charts import canvas, colours

SCHEMES = {"model": "model held out", "family": "family held out", "batch": "largest batches held out"}
_MAX_FAMILIES = 30
_INK = colours.COLOURS[0]


def predicted_measured(table: pd.DataFrame) -> Figure:
    """Draw one panel per scheme, with the interval of every cell."""
    table = table.assign(inside=_inside(table))
    shares = table.groupby("scheme")["inside"].mean()
    drawn, panels = _panels(table, 3.4, {str(name): f"{share:.1%} inside" for name, share in shares.items()})
    for scheme, axes in panels.items():
        rows = table[table["scheme"] == scheme]
        below, above = rows["predicted_ms"] - rows["low_ms"], rows["high_ms"] - rows["predicted_ms"]
        axes.errorbar(
            rows["measured_ms"], rows["predicted_ms"], (below, above), fmt="o", markersize=2.5,
            color=_INK, ecolor=colours.GREY, elinewidth=0.4, alpha=0.7,
        )  # fmt: skip
        ends = [rows["measured_ms"].min(), rows["measured_ms"].max()]
        axes.plot(ends, ends, color=colours.FIT, linewidth=1)
        axes.set(xscale="log", yscale="log", xlabel="Measured batch latency (ms)")
    next(iter(panels.values())).set_ylabel("Predicted batch latency (ms)")
    canvas.note(
        drawn, "Line: prediction equals measurement; whiskers: intervals, with the share of cells inside."
    )
    return drawn


def error_by_family(table: pd.DataFrame) -> Figure:
    """Draw a box of absolute relative errors for each of the largest families."""
    largest = table["family"].value_counts().index[:_MAX_FAMILIES]
    drawn, panels = _panels(table, 1.5 + 0.25 * len(largest))
    for scheme, axes in panels.items():
        rows = table[(table["scheme"] == scheme) & table["family"].isin(largest)]
        errors = 100 * (rows["predicted_ms"] / rows["measured_ms"] - 1).abs()
        named = {str(family): part.to_numpy() for family, part in errors.groupby(rows["family"].astype(str))}
        axes.boxplot(
            list(named.values()), orientation="horizontal", tick_labels=list(named), whis=(5, 95), sym="",
            medianprops={"color": _INK},
        )  # fmt: skip
        axes.set(xlabel="Absolute error (%)", xscale="log")
        canvas.plain_log_ticks(axes, "x")
    canvas.note(drawn, "Boxes: quartiles and median; whiskers: 5th and 95th percentile of a family's cells.")
    return drawn


def coverage(table: pd.DataFrame, promised: float) -> Figure:
    """Draw the share of cells inside their interval, by batch size and by family."""
    table = table.assign(inside=_inside(table))
    largest = table["family"].value_counts().index[:_MAX_FAMILIES]
    drawn, panels = _panels(table, 1.5 + 0.25 * (len(largest) + table["batch_size"].nunique()))
    for scheme, axes in panels.items():
        rows = table[table["scheme"] == scheme]
        named = rows[rows["family"].isin(largest)]
        groups = pd.concat([
            rows.groupby("batch_size")["inside"].agg(["sum", "size"]).rename(index="batch {:g}".format),
            named.groupby(named["family"].astype(str))["inside"].agg(["sum", "size"]),
            rows["inside"].agg(["sum", "size"]).to_frame("all").T,
        ])  # fmt: skip
        places = np.arange(len(groups))
        low, high = wilson(groups["sum"].to_numpy(), groups["size"].to_numpy())
        axes.hlines(places, low, high, color=colours.GREY, linewidth=1)
        axes.plot(100 * groups["sum"] / groups["size"], places, "o", color=_INK, markersize=3.5)
        axes.set_yticks(places, list(groups.index))
        axes.axvline(100 * promised, color=colours.FIT, linewidth=1)
        axes.set(xlabel="Cells inside their interval (%)", xlim=(0, 102))
    canvas.note(drawn, f"Line: the {promised:.0%} promised; whiskers: 95 % Wilson interval.")
    return drawn


def _inside(table: pd.DataFrame) -> "pd.Series[bool]":
    return table["measured_ms"].between(table["low_ms"], table["high_ms"])


def _panels(
    table: pd.DataFrame, height_in: float, more: dict[str, str] | None = None
) -> tuple[Figure, dict[str, Axes]]:
    """Make a panel for each scheme of the table, in the common style; ``more`` is added to its title."""
    shown = [scheme for scheme in SCHEMES if (table["scheme"] == scheme).any()]
    titles = [": ".join([SCHEMES[scheme], *([more[scheme]] if more else [])]) for scheme in shown]
    with canvas.styled():
        drawn, panels = canvas.panels(titles, height_in, columns=len(shown), shared=False)
    return drawn, dict(zip(shown, panels, strict=True))
