"""The contract of a figure: a module in this package names one ``CHART``.

``draw`` takes the results of an analysis and gives back a finished figure, or raises ChartMissing
with the sentence that stands in the report where the figure would have been.
"""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from perfexp.analysis.results import Results


class ChartMissing(Exception):
    """The data do not allow this figure; the message is one sentence that says why."""


@dataclass(frozen=True)
class Chart:
    """One figure.

    Attributes:
        name: the module's name, and the name of the files.
        title: a few words.
        caption: what is drawn and how to read it, in a sentence or two.
        draw: results to figure; raises ChartMissing.
        order: figures stand in the report by this number.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Results], Figure]
    order: int
