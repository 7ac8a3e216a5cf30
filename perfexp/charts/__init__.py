"""The figures of :mod:`perfexp.charts.figures`, found by module, and how they are drawn.

A module in ``figures`` lists its charts as ``CHARTS``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.charts.canvas import freeze, styled
from perfexp.plugins import CHARTS


class ChartMissing(Exception):
    """The data do not allow this figure; the message gives the reason in one sentence."""


@dataclass(frozen=True)
class Chart:
    """One figure.

    Attributes:
        name: of the files.
        order: of the figures in the report.
        title: a few words.
        draw: from results to a finished figure; raises ChartMissing.
        caption: what is drawn and how to read it, in a sentence or two.
    """

    name: str
    order: int
    title: str
    draw: Callable[[Results], Figure]
    caption: str


def charts() -> list[Chart]:
    """Return the charts of every figure's module, in the order of the report."""
    found: list[Chart] = [chart for name in CHARTS.names() for chart in CHARTS.find(name)]
    return sorted(found, key=lambda chart: (chart.order, chart.name))


def draw(chart: Chart, results: Results) -> Figure:
    """Draw a figure in the common style; matplotlib's global settings stay as they were.

    Raises:
        ChartMissing: the data do not allow this figure.
    """
    with styled():
        drawn = chart.draw(results)
        freeze(drawn)
        return drawn
