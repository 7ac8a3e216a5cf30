"""What the figures share, and the figures found in :mod:`perfexp.charts.figures`."""

from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.charts.base import Chart, ChartMissing
from perfexp.charts.canvas import Files, freeze, save, styled
from perfexp.plugins import CHARTS

__all__ = ["Chart", "ChartMissing", "Files", "charts", "draw", "names", "save"]


def names() -> list[str]:
    """Names of all figures, in alphabetical order."""
    return CHARTS.names()


def charts() -> list[Chart]:
    """All figures, in the order of the report."""
    found: list[Chart] = [CHARTS.find(name).CHART for name in names()]
    return sorted(found, key=lambda chart: (chart.order, chart.name))


def draw(chart: Chart, results: Results) -> Figure:
    """The chart's figure in the one style; matplotlib's global settings stay as they were.

    Raises:
        ChartMissing: the data do not allow this figure.
    """
    with styled():
        drawn = chart.draw(results)
        freeze(drawn)
        return drawn
