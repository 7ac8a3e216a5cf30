"""Labels that do not collide, placed by textalloc."""

from collections.abc import Sequence

import numpy as np
import textalloc
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from perfexp.charts.parts.canvas import LABEL_SIZE

_OBSTACLES = 300


def place(
    axes: Axes,
    x: ArrayLike,
    y: ArrayLike,
    texts: Sequence[str],
    around: PathCollection | None = None,
    size: float = LABEL_SIZE,
) -> None:
    """Label points without collisions; a label that fits nowhere is left out, the earlier one wins.

    Call it last: it fixes the axes' limits and needs the final layout.

    Args:
        axes: where the points are.
        x: the points, shape ``(labels,)``.
        y: the points, shape ``(labels,)``.
        texts: one label a point.
        around: a scatter that labels shall not cover; ignored when it has too many points.
        size: of the font, in points.
    """
    if not texts:
        return
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    points, radii = _obstacles(axes, around)
    _, _, placed, lines = textalloc.allocate(
        axes,
        np.asarray(x, dtype=float),
        np.asarray(y, dtype=float),
        list(texts),
        x_scatter=points[:, 0],
        y_scatter=points[:, 1],
        scatter_sizes=radii,
        textsize=size,
        margin=0.006,
        min_distance=0.012,
        max_distance=0.3,
        nbr_candidates=600,
        avoid_label_lines_overlap=True,
        draw_all=False,
        linecolor="#777777",
        linewidth=0.6,
        plot_kwargs={"zorder": 2.5},
        zorder=5,
        path_effects=[withStroke(linewidth=1.5, foreground="white")],
    )
    for artist in [*placed, *lines]:
        if isinstance(artist, Artist):
            artist.set_in_layout(False)


def _obstacles(axes: Axes, around: PathCollection | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres in data units, shape ``(points, 2)``, and radii in pixels; none when there are too many."""
    if around is None or len(np.asarray(around.get_offsets())) > _OBSTACLES:
        return np.empty((0, 2)), np.empty(0)
    centres = np.asarray(around.get_offsets(), dtype=float)
    pixels_per_point = axes.get_figure(root=True).dpi / 72  # type: ignore[union-attr]
    radii = np.sqrt(np.asarray(around.get_sizes(), dtype=float)) / 2 * pixels_per_point
    return centres, np.broadcast_to(radii, len(centres))
