"""The figure of a run: its samples over time, and their distribution."""

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from perfexp.charts import canvas, colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _MARK = colours.COLOURS[0], colours.COLOURS[1]


def draw(
    samples_ms: Sequence[float], warmup_ms: Sequence[float], title: str, interval: tuple[float, float] | None
) -> bytes:
    """Return a PNG of 900 × 300 pixels; the median's 95 % interval is shaded, if there is one."""
    figure, course, spread = _blank()
    for axes in (course, spread):
        for artist in (*axes.lines, *axes.patches):
            artist.remove()
    _draw_course(course, samples_ms, warmup_ms)
    bins = min(40, max(5, len(samples_ms) // 5))
    spread.stairs(*np.histogram(samples_ms, bins), orientation="horizontal", color=_INK, fill=True)
    for axes in (course, spread):
        axes.axhline(float(np.median(samples_ms)), color=_MARK, linewidth=1, label="median")
        if interval:
            axes.axhspan(*interval, color=_MARK, alpha=0.25, linewidth=0)
        axes.relim()
        axes.autoscale(axis="x")
    course.set_title(title, loc="left", fontsize=10)
    course.set_ylim(_limits(samples_ms))
    drawn = BytesIO()
    figure.canvas.print_png(drawn)  # type: ignore[attr-defined]  # savefig would draw twice
    return drawn.getvalue()


@cache
def _blank() -> "tuple[Figure, Axes, Axes]":
    """Return the figure with its two axes, which take longer to make than to fill."""
    with canvas.styled():
        figure = canvas.figure(3.0)
        figure.set_layout_engine("none")
        course = figure.add_axes((0.07, 0.17, 0.6, 0.7))
        spread = figure.add_axes((0.72, 0.17, 0.26, 0.7), sharey=course)
    course.set(xlabel="Time of inference (s)", ylabel="Batch latency (ms)")
    spread.set_xlabel("Timed batches (count)")
    spread.tick_params(labelleft=False)
    for axes in (course, spread):
        axes.locator_params(axis="x", nbins=5)
    _draw_course(course, [1.0], [1.0])
    course.axhline(1.0, color=_MARK, linewidth=1, label="median")
    course.legend(fontsize=8, ncols=3, loc="lower right", bbox_to_anchor=(1, 0.98), frameon=False)
    return figure, course, spread


def _draw_course(axes: "Axes", samples_ms: Sequence[float], warmup_ms: Sequence[float]) -> None:
    ends_s = np.cumsum([*warmup_ms, *samples_ms]) / 1e3
    before = len(warmup_ms)
    axes.plot(ends_s[:before], warmup_ms, ".", color=colours.OTHER.colour, markersize=4, label="warm-up")
    axes.plot(ends_s[before:], samples_ms, ".", color=_INK, markersize=4, label="timed")


def _limits(samples_ms: Sequence[float]) -> tuple[float, float]:
    """Return limits that hold every timed batch; slower warm-up batches fall outside."""
    low, high = min(samples_ms), max(samples_ms)
    margin = 0.06 * (high - low) or 0.01 * high or 1.0
    return low - margin, high + margin
