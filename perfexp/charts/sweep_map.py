"""The figure of a sweep: each cell's throughput, and which cells are tainted or failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from perfexp.charts import canvas

_MAX_ROWS, _ROW_IN, _FRAME_IN, _LEAST_IN, _DPI = 120, 0.24, 1.3, 2.4, 110
_NOT_MEASURED = "#dddddd"
_LIGHT_FROM = 0.55
"""Colours brighter than this share of the scale are written on in black."""


@dataclass(frozen=True)
class Square:
    """A cell of the sweep; ``rate`` in images/s is None where nothing was measured."""

    row: str
    batch_size: int
    rate: float | None
    tainted: bool = False


Placed = tuple[int, int, Square]


def png(squares: Sequence[Square]) -> bytes:
    """Return a PNG with a row for each combination and a column for each batch size."""
    rows = list(dict.fromkeys(square.row for square in squares))
    shown, sizes = rows[:_MAX_ROWS], sorted({square.batch_size for square in squares})
    row_of, column_of = {row: i for i, row in enumerate(shown)}, {size: i for i, size in enumerate(sizes)}
    placed = [(row_of[s.row], column_of[s.batch_size], s) for s in squares if s.row in row_of]
    with canvas.styled():
        drawn = canvas.figure(max(_ROW_IN * len(shown) + _FRAME_IN, _LEAST_IN))
        axes = drawn.subplots()
        axes.set_facecolor(_NOT_MEASURED)
        if any(square.rate for *_, square in placed):
            _draw(drawn, axes, placed, (len(shown), len(sizes)))
        axes.set(xlim=(-0.5, len(sizes) - 0.5), ylim=(len(shown) - 0.5, -0.5), xlabel="Batch size (images)")
        axes.set_xticks(range(len(sizes)), [f"{size:,}" for size in sizes])
        axes.set_yticks(range(len(shown)), shown, fontsize=canvas.LABEL_SIZE, parse_math=False)
        axes.grid(False)
        left = f"The first {_MAX_ROWS} of {len(rows)} combinations." if len(rows) > _MAX_ROWS else ""
        canvas.note(drawn, "Images per second. Hatched: tainted. Grey: not measured.", left)
        content = BytesIO()
        drawn.savefig(content, format="png", dpi=_DPI)
    return content.getvalue()


def _draw(drawn: Figure, axes: Axes, placed: Sequence[Placed], shape: tuple[int, int]) -> None:
    """Draw the rates as colours and numbers, with a scale; ``placed`` has row, column and square."""
    rates = np.full(shape, np.nan)
    for row, column, square in placed:
        rates[row, column] = square.rate or np.nan
    low, high = np.nanmin(rates), max(np.nanmax(rates), np.nanmin(rates) * 1.01)
    norm = LogNorm(low, high)
    image = axes.imshow(rates, norm=norm, cmap="viridis", aspect="auto")
    bar = drawn.colorbar(image, label="Throughput (images/s)", fraction=0.03)
    ends = (low, (low * high) ** 0.5, high)
    bar.ax.minorticks_off()
    bar.set_ticks(ends, labels=[_shown(rate) for rate in ends])
    for row, column, square in placed:
        if square.rate:
            ink = "black" if norm(square.rate) > _LIGHT_FROM else "white"
            _mark(axes, (row, column), square.rate, square.tainted, ink)


def _mark(axes: Axes, place: tuple[int, int], rate: float, tainted: bool, ink: str) -> None:
    row, column = place
    if tainted:
        corner = (column - 0.5, row - 0.5)
        axes.add_patch(
            Rectangle(corner, 1, 1, fill=False, hatch="////", edgecolor=ink, linewidth=0, alpha=0.5)
        )
    axes.text(column, row, _shown(rate), ha="center", va="center", color=ink, fontsize=canvas.LABEL_SIZE)


def _shown(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
