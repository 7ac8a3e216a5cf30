"""A figure's canvas: size, style, panels, footnote, files."""

import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

WIDTH_IN: Final = 9.0
LABEL_SIZE: Final = 7.5
MAX_CURVES: Final = 60
MANY_POINTS: Final = 500
"""From here on points become a picture within the SVG, and are drawn small and translucent."""

_PNG_DPI = 200
_NOTE_CHARACTERS = 145
_TITLE_CHARACTERS = 82
_FEW_DECADES = 100
_MAX_TICKS = 8

_STYLE_FILE = Path(__file__).with_name("perfexp.mplstyle")


@dataclass(frozen=True)
class Files:
    """Where a figure was written."""

    svg: Path
    png: Path


def styled() -> AbstractContextManager[None]:
    """The one style, for the time of a ``with``; global settings return to what they were."""
    return matplotlib.style.context(_STYLE_FILE)


def figure(height_in: float) -> Figure:
    """An empty figure of the one width, drawn without pyplot."""
    made = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    FigureCanvasAgg(made)
    return made


def panels(
    titles: Sequence[str], height_in: float, columns: int = 2, below_in: float = 0.5
) -> tuple[Figure, list[Axes]]:
    """A figure with one panel a title, ``columns`` in a row, axes shared; spare panels are removed."""
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    made = figure(height_in * rows + below_in)
    grid = made.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for spare in grid[len(titles) :]:
        spare.remove()
    used: list[Axes] = grid[: len(titles)]
    for axes, title in zip(used, titles, strict=True):
        axes.set_title(textwrap.fill(title, _TITLE_CHARACTERS // columns))
    for axes in used[-columns:]:
        axes.tick_params(labelbottom=True)
    return made, used


def axis_labels(figure_or_panels: Sequence[Axes], x: str, y: str) -> None:
    """Label the outer axes of shared panels."""
    columns = figure_or_panels[0].get_gridspec()
    width = columns.ncols if columns is not None else 1
    for index, axes in enumerate(figure_or_panels):
        if index >= len(figure_or_panels) - width:
            axes.set_xlabel(x)
        if index % width == 0:
            axes.set_ylabel(y)


def note(target: Figure, *sentences: str) -> None:
    """A footnote: what was chosen, capped or left out, so that the picture alone stays honest."""
    text = textwrap.fill(" ".join(s for s in sentences if s), _NOTE_CHARACTERS)
    target.supxlabel(text, x=0.01, ha="left", fontsize=LABEL_SIZE, color="#444444")


def plain_log_ticks(axes: Axes, which: str) -> None:
    """Write a log axis' ticks as 0.1, 1, 10 instead of powers, with 2 and 5 where decades are few."""
    axis = axes.xaxis if which == "x" else axes.yaxis

    def where_few(value: float, _: object) -> str:
        low, high = axis.get_view_interval()
        return f"{value:,g}" if high < low * _FEW_DECADES else ""

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.set_minor_formatter(FuncFormatter(where_few))


def batch_axis(axes: Axes, sizes: Sequence[int]) -> None:
    """A log axis of batch sizes with a tick at each one that was run, as far as they fit."""
    axes.set_xscale("log", base=2)
    shown = sizes if len(sizes) <= _MAX_TICKS else [size for size in sizes if size & (size - 1) == 0]
    shown = shown[:: 1 + len(shown) // (_MAX_TICKS + 1)]
    axes.set_xticks(shown, [f"{size:,}" for size in shown])
    axes.minorticks_off()


def above_zero(low: "pd.Series[float]") -> "pd.Series[float]":
    """A band's lower end, cut where a log axis cannot show it."""
    return low.clip(lower=1e-9)


def sideways(sizes: "pd.Series[float]", width: float = 0.3) -> "pd.Series[float]":
    """Batch sizes moved within ``width`` octaves so that points do not hide each other; never random."""
    golden = 0.6180339887
    shifts = (np.arange(len(sizes)) * golden) % 1 - 0.5
    moved: pd.Series[float] = sizes * np.exp2(width * shifts)
    return moved


def curves(axes: Axes, frame: pd.DataFrame, y: str, **style: Any) -> None:
    """One line a model over batch sizes, evenly thinned to ``MAX_CURVES`` models."""
    ordered = frame.sort_values(["model", "batch_size"])
    starts = np.flatnonzero(ordered["model"].ne(ordered["model"].shift()).to_numpy())[1:]
    lines = np.split(ordered[["batch_size", y]].to_numpy(dtype=float), starts)
    if len(lines) > MAX_CURVES:
        lines = [lines[i] for i in np.linspace(0, len(lines) - 1, MAX_CURVES).astype(int)]
    axes.add_collection(LineCollection(lines, **style))
    axes.autoscale_view()


def whole(axes: Axes) -> Figure:
    """The figure that the axes are on."""
    found = axes.get_figure(root=True)
    assert found is not None
    return found


def freeze(drawn: Figure) -> None:
    """Lay the figure out once and for all: both files are alike, and labels stay where they were put."""
    if drawn.get_layout_engine() is not None:
        drawn.draw_without_rendering()
        drawn.set_layout_engine("none")


def save(drawn: Figure, folder: Path, name: str) -> Files:
    """Write ``name.svg`` and ``name.png`` into ``folder``; equal figures give equal bytes."""
    files = Files(folder / f"{name}.svg", folder / f"{name}.png")
    with styled():
        drawn.savefig(files.svg, metadata={"Date": None}, dpi=_PNG_DPI)
        drawn.savefig(files.png, dpi=_PNG_DPI)
    return files
