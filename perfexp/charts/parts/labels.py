"""Labels that do not collide, placed by textalloc."""

from collections.abc import Sequence

import numpy as np
import textalloc
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from numpy.typing import ArrayLike

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
    axes.get_figure(root=True).draw_without_rendering()  # type: ignore[union-attr]
    few = around if around is not None and len(np.asarray(around.get_offsets())) <= _OBSTACLES else None
    _, _, placed, lines = textalloc.allocate(
        axes,
        np.asarray(x, dtype=float),
        np.asarray(y, dtype=float),
        list(texts),
        x_scatter=np.asarray(x, dtype=float),
        y_scatter=np.asarray(y, dtype=float),
        scatter_plot=few,
        textsize=size,
        margin=0.004,
        min_distance=0.008,
        max_distance=0.25,
        nbr_candidates=400,
        draw_all=False,
        linecolor="#777777",
        linewidth=0.6,
        plot_kwargs={"zorder": 2.5},
        zorder=5,
    )
    for artist in [*placed, *lines]:
        if isinstance(artist, Artist):
            artist.set_in_layout(False)
