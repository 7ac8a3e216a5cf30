"""One look per family, the same in every figure, and distinct to the colour-blind.

The nine colours and the grey are Paul Tol's "muted" scheme (https://sronpersonalpages.nl/~pault/);
beyond nine families the marker's shape differs as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Patch
from matplotlib.path import Path as MarkerPath
from numpy.typing import ArrayLike

from perfexp.analysis.names import folded
from perfexp.analysis.results import Results
from perfexp.charts.canvas import MANY_POINTS

COLOURS: Final = (
    "#332288", "#cc6677", "#117733", "#88ccee", "#882255", "#999933", "#44aa99", "#aa4499", "#ddcc77",
)  # fmt: skip
MARKERS: Final = ("o", "s")
EDGE: Final = "#333333"
FIT: Final = "#222222"
GREY: Final = "#777777"

_KNOWN = (
    "resnet", "vgg", "densenet", "mobilenet", "squeezenet", "shufflenet", "inception", "resnext",
    "alexnet", "wideresnet", "mnasnet",
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """Colour and marker of one family."""

    colour: str
    marker: str

    @property
    def hatch(self) -> str:
        """Return the hatching of bars: lines where the marker is not the first one."""
        return "" if self.marker == MARKERS[0] else "////"

    @property
    def path(self) -> MarkerPath:
        """Return the marker's outline, one unit wide."""
        style = MarkerStyle(self.marker)
        return style.get_path().transformed(style.get_transform())


Looks = Mapping[str, Look]
"""Family to look; the empty name is included."""

OTHER: Final = Look("#bbbbbb", "o")


def families(results: Results) -> Looks:
    """Return every family's look; the study's families have the same one in any set of runs.

    Where there are more families than looks, those with the most models get one; the others are grey.
    """
    slots = [Look(colour, marker) for marker in MARKERS for colour in COLOURS]
    tables = (table.reindex(columns=["model", "family"]) for table in (results.runs, results.evaluations))
    models = pd.concat([table.astype(object) for table in tables]).drop_duplicates("model")
    counts = models["family"].dropna().astype(str).value_counts()
    ranked = sorted(counts.index, key=lambda family: (-counts[family], family))
    looks = {family: slots[_KNOWN.index(folded(family))] for family in ranked if folded(family) in _KNOWN}
    free = [slot for slot in slots if slot not in looks.values()]
    strangers = [family for family in ranked if family not in looks]
    looks.update(zip(sorted(strangers[: len(free)]), free, strict=False))
    return {family: looks.get(family, OTHER) for family in [*ranked, ""]}


def legend(figure: Figure, looks: Looks, present: Iterable[str], bars: bool = False) -> None:
    """Add a legend at the right for the families ``present``; all grey ones share an entry."""
    shown = {family: looks[family] for family in sorted(set(present))}
    entries = {family: look for family, look in shown.items() if look != OTHER}
    if len(entries) < len(shown):
        entries["others"] = OTHER
    entry = _bar if bars else _dot
    handles = [entry(look, family) for family, look in entries.items()]
    figure.legend(handles=handles, loc="outside right upper", title="Family", alignment="left")


def _bar(look: Look, label: str) -> Patch:
    return Patch(facecolor=look.colour, edgecolor=EDGE, linewidth=0.4, hatch=look.hatch, label=label)


def _dot(look: Look, label: str) -> Line2D:
    return Line2D(
        [], [], linestyle="", marker=look.marker, color=look.colour, markeredgecolor=EDGE,
        markeredgewidth=0.4, markersize=6, label=label,
    )  # fmt: skip


def dots(
    axes: Axes,
    x: "pd.Series[float]",
    y: "pd.Series[float]",
    names: "pd.Series[str]",
    looks: Looks,
    size: float | ArrayLike = 18.0,
) -> PathCollection:
    """Draw a scatter in which each point has its family's look; many points are rasterised in the SVG.

    Args:
        axes: to draw on.
        x, y, names: place and family of each point, shape ``(points,)``.
        looks: of the families.
        size: area in square points, one for all or one each; many points of equal size are reduced.
    """
    many = len(names) > MANY_POINTS
    area = size / 4 if many and isinstance(size, float) else size
    points = axes.scatter(x, y, s=area, alpha=0.75, rasterized=many)
    shown = [looks[name] for name in names]
    points.set_facecolor([look.colour for look in shown])
    points.set_paths([look.path for look in shown])
    points.set_edgecolor(EDGE)
    points.set_linewidth(0.1 if many else 0.4)
    return points


def sequence(count: int) -> list[str]:
    """Return ``count`` colours from dark to light, for ordered things such as clusters."""
    scheme = matplotlib.colormaps["viridis"]
    return [to_hex(scheme(0.78 * index / max(count - 1, 1))) for index in range(count)]
