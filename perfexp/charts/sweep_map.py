"""The figure of a sweep: each cell's throughput, and which cells are tainted or failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from perfexp.charts import canvas

_MAX_ROWS, _ROW_IN, _FRAME_IN, _LEAST_IN, _DPI = 120, 0.24, 1.3, 2.4, 110
_FAILED = "#dddddd"
_LIGHT_FROM = 0.55
"""Colours brighter than this share of the scale are written on in black."""


@dataclass(frozen=True)
class Square:
    """A cell of the sweep; ``rate`` in images/s is None where nothing was measured."""

    row: str
    batch_size: int
    rate: float | None
    tainted: bool = False


def png(squares: Sequence[Square]) -> bytes:
    """Return a PNG with a row for each combination and a column for each batch size."""
    rows = list(dict.fromkeys(square.row for square in squares))
    shown, sizes = rows[:_MAX_ROWS], sorted({square.batch_size for square in squares})
    rates = np.full((len(shown), len(sizes)), np.nan)
    with canvas.styled():
        drawn = canvas.figure(max(_ROW_IN * len(shown) + _FRAME_IN, _LEAST_IN))
        axes = drawn.subplots()
        inside = [square for square in squares if square.row in set(shown)]
        for square in inside:
            rates[shown.index(square.row), sizes.index(square.batch_size)] = square.rate or np.nan
        known = rates[np.isfinite(rates) & (rates > 0)]
        if known.size:
            low, high = float(known.min()), max(float(known.max()), float(known.min()) * 1.01)
            norm = LogNorm(low, high)
            image = axes.imshow(rates, norm=norm, cmap="viridis", aspect="auto")
            bar = drawn.colorbar(image, label="Throughput (images/s)", fraction=0.03)
            ends = (low, (low * high) ** 0.5, high)
            bar.ax.minorticks_off()
            bar.set_ticks(ends, labels=[_shown(rate) for rate in ends])
            for square in inside:
                _mark(axes, square, shown.index(square.row), sizes.index(square.batch_size), norm)
        axes.set(xlim=(-0.5, len(sizes) - 0.5), ylim=(len(shown) - 0.5, -0.5), xlabel="Batch size (images)")
        axes.set_xticks(range(len(sizes)), [f"{size:,}" for size in sizes])
        axes.set_yticks(range(len(shown)), shown, fontsize=canvas.LABEL_SIZE, parse_math=False)
        axes.grid(False)
        left = f"The first {_MAX_ROWS} of {len(rows)} combinations." if len(rows) > _MAX_ROWS else ""
        canvas.note(drawn, "Images per second. Hatched: tainted. Grey: not measured.", left)
        content = BytesIO()
        drawn.savefig(content, format="png", dpi=_DPI)
    return content.getvalue()


def _mark(axes: Axes, square: Square, row: int, column: int, norm: LogNorm) -> None:
    place = (column - 0.5, row - 0.5)
    if square.rate is None:
        axes.add_patch(Rectangle(place, 1, 1, facecolor=_FAILED, edgecolor="none"))
        return
    ink = "black" if norm(square.rate) > _LIGHT_FROM else "white"
    if square.tainted:
        axes.add_patch(
            Rectangle(place, 1, 1, fill=False, hatch="////", edgecolor=ink, linewidth=0, alpha=0.5)
        )
    axes.text(
        column, row, _shown(square.rate), ha="center", va="center", color=ink, fontsize=canvas.LABEL_SIZE
    )


def _shown(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
