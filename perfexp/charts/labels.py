"""Place labels without collisions, by textalloc."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import textalloc
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from numpy.typing import ArrayLike, NDArray

from perfexp.charts.canvas import LABEL_SIZE, freeze

BACKGROUND: Final = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5}
_OBSTACLES = 300
_COARSE_PIXELS = 6


def place(
    axes: Axes,
    x: ArrayLike,
    y: ArrayLike,
    texts: Sequence[str],
    around: PathCollection | None = None,
    size: float = LABEL_SIZE,
    lines: Sequence[NDArray[np.float64]] = (),
) -> None:
    """Label points; a label that fits nowhere is omitted, and earlier ones take precedence.

    Call it last: it fixes the figure's layout and the axes' limits.

    Args:
        axes: where the points are.
        x, y: the points, shape ``(labels,)``.
        texts: one label per point.
        around: a scatter that labels must not cover.
        size: of the font, in points.
        lines: polylines that labels must not cover, each of shape ``(points, 2)``.
    """
    if not texts:
        return
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    drawn = axes.get_figure(root=True)
    assert drawn is not None
    freeze(drawn)
    points, radii = _obstacles(axes, around, drawn.dpi / 72)
    distance, candidates = (0.4, 1500) if len(points) <= _OBSTACLES else (0.1, 400)
    textalloc.allocate(
        axes, np.asarray(x, dtype=float), np.asarray(y, dtype=float), list(texts),
        x_scatter=points[:, 0], y_scatter=points[:, 1], scatter_sizes=list(radii),
        x_lines=[line[:, 0] for line in lines], y_lines=[line[:, 1] for line in lines], textsize=size,
        margin=0.006, min_distance=0.012, max_distance=distance, nbr_candidates=candidates,
        avoid_label_lines_overlap=True, draw_all=False, linecolor="#777777", linewidth=0.6,
        plot_kwargs={"zorder": 2.5}, zorder=5, bbox=BACKGROUND,
    )  # fmt: skip


def _obstacles(
    axes: Axes, around: PathCollection | None, pixels_per_point: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centres in data units, ``(points, 2)``, and radii in pixels; thinned when there are many."""
    if around is None:
        return np.empty((0, 2)), np.empty(0)
    centres = np.asarray(around.get_offsets(), dtype=float)
    sizes = np.broadcast_to(np.asarray(around.get_sizes(), dtype=float), len(centres))
    radii = np.sqrt(sizes) / 2 * pixels_per_point
    if len(centres) > _OBSTACLES:
        pixels = np.round(axes.transData.transform(centres) / _COARSE_PIXELS)
        _, one_each = np.unique(pixels, axis=0, return_index=True)
        return centres[one_each], radii[one_each]
    return centres, radii
