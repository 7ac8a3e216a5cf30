"""Top-5 accuracy against multiply-accumulates, ball size by parameters."""

from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.charts.balls import ball_chart
from perfexp.charts.base import Chart


def draw(results: Results) -> Figure:
    """One ball a model; its area is its number of parameters."""
    return ball_chart(results, "top5", "top-5")


CHART = Chart(
    name="top5_macs",
    title="Top-5 accuracy against computation",
    caption=(
        "Accuracy, published for the named weights or measured as the axis says, against "
        "multiply-accumulates for one image (half of the FLOPs), on a log axis; a ball's area is the number "
        "of parameters."
    ),
    draw=draw,
    order=14,
)
