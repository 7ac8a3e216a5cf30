"""The contract of a figure: a module in :mod:`perfexp.charts.figures` names a ``CHART``, or ``CHARTS``.

``draw`` takes the results of an analysis and returns a finished figure, or raises ChartMissing with
the sentence that the report shows instead.
"""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from perfexp.analysis.results import Results


class ChartMissing(Exception):
    """The data do not allow this figure; the message gives the reason in one sentence."""


@dataclass(frozen=True)
class Chart:
    """One figure.

    Attributes:
        name: of the files.
        title: a few words.
        caption: what is drawn and how to read it, in a sentence or two.
        draw: from results to a figure; raises ChartMissing.
        order: of the figures in the report.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Results], Figure]
    order: int
