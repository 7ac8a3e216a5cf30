"""The canvas of a figure: size, style, panels, footnote, files."""

import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

WIDTH_IN: Final = 9.0
LABEL_SIZE: Final = 7.5
MAX_CURVES: Final = 60
MANY_POINTS: Final = 500
"""More points than these are rasterised in the SVG, and drawn small and translucent."""

_PNG_DPI = 200
_NOTE_CHARACTERS = 145
_TITLE_CHARACTERS = 82
_FEW_DECADES = 100
_MAX_TICKS = 8
_MAX_LEGEND_COLUMNS, _HANDLE_IN, _CHARACTER_IN, _LEGEND_ROW_IN = 3, 0.5, 0.06, 0.18

_STYLE_FILE = Path(__file__).with_name("perfexp.mplstyle")


def styled() -> AbstractContextManager[None]:
    """Apply the common style within a ``with``; global settings are restored afterwards."""
    return matplotlib.style.context(_STYLE_FILE)


def figure(height_in: float) -> Figure:
    """Make an empty figure of the common width, without pyplot."""
    made = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    FigureCanvasAgg(made)
    return made


def panels(
    titles: Sequence[str], height_in: float, columns: int = 2, below_in: float = 0.5, shared: bool = True
) -> tuple[Figure, list[Axes]]:
    """Make a figure with one panel per title, ``columns`` in a row, their axes ``shared``."""
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    made = figure(height_in * rows + below_in)
    grid = made.subplots(rows, columns, sharex=shared, sharey=shared, squeeze=False).ravel().tolist()
    for spare in grid[len(titles) :]:
        spare.remove()
    used: list[Axes] = grid[: len(titles)]
    for axes, title in zip(used, titles, strict=True):
        axes.set_title(textwrap.fill(title, _TITLE_CHARACTERS // columns))
    for axes in used[-columns:]:
        axes.tick_params(labelbottom=True)
    return made, used


def axis_labels(used: Sequence[Axes], x: str, y: str) -> None:
    """Label the outer axes of shared panels."""
    grid = used[0].get_gridspec()
    width = grid.ncols if grid is not None else 1
    for index, axes in enumerate(used):
        if index >= len(used) - width:
            axes.set_xlabel(x)
        if index % width == 0:
            axes.set_ylabel(y)


def note(target: Figure, *sentences: str) -> None:
    """Add a footnote that says what was selected, cut or left out."""
    text = textwrap.fill(" ".join(s for s in sentences if s), _NOTE_CHARACTERS)
    target.supxlabel(text, x=0.01, ha="left", fontsize=LABEL_SIZE, color="#444444")


def legend_above(target: Figure, handles: Sequence[Artist] | None = None) -> None:
    """Put the legend above the axes, in as many columns as fit; grow the figure by its further rows."""
    handles = target.axes[0].get_legend_handles_labels()[0] if handles is None else handles
    labels = [str(handle.get_label()) for handle in handles]
    column_in = _HANDLE_IN + _CHARACTER_IN * max(map(len, labels))
    columns = min(_MAX_LEGEND_COLUMNS, max(1, int(WIDTH_IN / column_in)))
    further_rows = -(-len(labels) // columns) - 1
    target.set_figheight(target.get_figheight() + _LEGEND_ROW_IN * further_rows)
    target.legend(handles=handles, loc="outside upper left", ncols=columns)


def plain_log_ticks(axes: Axes, which: str) -> None:
    """Label a log axis' ticks 0.1, 1, 10 instead of powers, with 2 and 5 where decades are few."""
    axis = axes.xaxis if which == "x" else axes.yaxis

    def where_few(value: float, _: object) -> str:
        low, high = axis.get_view_interval()
        return f"{value:,g}" if high < low * _FEW_DECADES else ""

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.set_minor_formatter(FuncFormatter(where_few))


def batch_axis(axes: Axes, sizes: Sequence[int]) -> None:
    """Make a log axis of batch sizes with a tick at each size that was run, where they fit."""
    axes.set_xscale("log", base=2)
    shown = sizes if len(sizes) <= _MAX_TICKS else [size for size in sizes if size & (size - 1) == 0]
    shown = shown[:: 1 + len(shown) // (_MAX_TICKS + 1)]
    axes.set_xticks(shown, [f"{size:,}" for size in shown])
    axes.minorticks_off()


def sideways(sizes: "pd.Series[float]", width: float = 0.3) -> "pd.Series[float]":
    """Shift batch sizes by a fixed pattern within ``width`` octaves, so that points do not overlap."""
    shifts = (np.arange(len(sizes)) * 0.6180339887) % 1 - 0.5  # the golden ratio's
    moved: pd.Series[float] = sizes * np.exp2(width * shifts)
    return moved


def curves(axes: Axes, frame: pd.DataFrame, y: str, **style: Any) -> None:
    """Draw one line per model over batch sizes, evenly thinned to ``MAX_CURVES`` models."""
    ordered = frame.sort_values(["model", "batch_size"])
    starts = np.flatnonzero(ordered["model"].ne(ordered["model"].shift()).to_numpy())[1:]
    lines = np.split(ordered[["batch_size", y]].to_numpy(dtype=float), starts)
    if len(lines) > MAX_CURVES:
        lines = [lines[i] for i in np.linspace(0, len(lines) - 1, MAX_CURVES).astype(int)]
    axes.add_collection(LineCollection(lines, **style))
    axes.autoscale_view()


def freeze(drawn: Figure) -> None:
    """Fix the figure's layout, so that both files are equal and labels keep their places."""
    if drawn.get_layout_engine() is not None:
        drawn.draw_without_rendering()
        drawn.set_layout_engine("none")


def save(drawn: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write ``name.svg`` and ``name.png`` into ``folder``; equal figures give equal bytes."""
    svg, png = folder / f"{name}.svg", folder / f"{name}.png"
    with styled():
        drawn.savefig(svg, metadata={"Date": None}, dpi=_PNG_DPI)
        drawn.savefig(png, dpi=_PNG_DPI)
    return svg, png
