"""Picture of active sweeps: the error against the runs that it took."""

from collections.abc import Mapping
from io import BytesIO

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_COLOURS = ("#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE")


def draw(traces: Mapping[str, pd.DataFrame], runs: int, full_percent: float | None = None) -> Figure:
    """One line a sweep, beside the error of the full one of so many runs.

    Args:
        traces: by name, ``runs, error_percent``; NaN where the error was not told.
        runs: of the full sweep.
        full_percent: its error, if it is known.
    """
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for place, (name, trace) in enumerate(traces.items()):
        told = trace.dropna(subset="error_percent")
        colour = _COLOURS[min(place, len(_COLOURS) - 1)]
        axes.plot(told["runs"], told["error_percent"], ".-", color=colour, label=name, linewidth=1)
    if full_percent is not None:
        axes.axhline(full_percent, color="black", linewidth=0.8)
        axes.plot(runs, full_percent, "s", color="black", label="full sweep")
    axes.set(xlabel="Runs", ylabel="Median error, family held out (%)", xlim=(0, 1.03 * runs))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def png(traces: Mapping[str, pd.DataFrame], runs: int, full_percent: float | None = None) -> bytes:
    """The same as a file's content."""
    content = BytesIO()
    draw(traces, runs, full_percent).savefig(content, format="png", dpi=150)
    return content.getvalue()
