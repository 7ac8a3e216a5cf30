"""The figures of :mod:`perfexp.charts.figures`, found by module, and how they are drawn and saved."""

from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.charts.base import Chart, ChartMissing
from perfexp.charts.canvas import Files, freeze, save, styled
from perfexp.plugins import CHARTS

__all__ = ["Chart", "ChartMissing", "Files", "charts", "draw", "save"]


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
