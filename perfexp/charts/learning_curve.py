"""The figure of active sweeps: the error against the number of runs."""

from collections.abc import Mapping
from io import BytesIO

import pandas as pd
from matplotlib.figure import Figure

from perfexp.charts import canvas, colours


def draw(traces: Mapping[str, pd.DataFrame], runs: int, full_percent: float | None = None) -> Figure:
    """Draw one line per sweep, and the error of the full sweep.

    Args:
        traces: by name, ``runs, error_percent``; NaN where the error was not computed.
        runs: number of runs of the full sweep.
        full_percent: error of the full sweep, if it is known.
    """
    with canvas.styled():
        drawn = canvas.figure(4.0)
        axes = drawn.subplots()
        for place, (name, trace) in enumerate(traces.items()):
            known = trace.dropna(subset="error_percent")
            colour = colours.COLOURS[place % len(colours.COLOURS)]
            axes.plot(known["runs"], known["error_percent"], ".-", color=colour, label=name, linewidth=1)
        if full_percent is not None:
            axes.axhline(full_percent, color=colours.FIT, linewidth=0.8)
            axes.plot(runs, full_percent, "s", color=colours.FIT, label="full sweep")
        axes.set(xlabel="Number of runs", ylabel="Median error, family held out (%)", xlim=(0, 1.03 * runs))
        axes.set_ylim(bottom=0)
        axes.legend()
    return drawn


def png(traces: Mapping[str, pd.DataFrame], runs: int, full_percent: float | None = None) -> bytes:
    """Return the figure as a PNG."""
    content = BytesIO()
    draw(traces, runs, full_percent).savefig(content, format="png", dpi=150)
    return content.getvalue()
