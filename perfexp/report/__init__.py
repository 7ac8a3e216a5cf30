"""One self-contained HTML page with every figure and table of an analysis."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perfexp import charts
from perfexp.analysis.results import Results
from perfexp.charts import canvas
from perfexp.report.page import Heading, Picture, render

__all__ = ["Heading", "Written", "write"]


@dataclass(frozen=True)
class Written:
    """The page, the figures' files, and why figures are absent, in a sentence each."""

    html: Path
    figures: tuple[Path, ...]
    missing: Mapping[str, str]


def write(results: Results, output: Path, heading: Heading) -> Written:
    """Draw all figures into ``output/figures`` and write ``output/report.html``.

    The page needs no other file: it embeds its figures and every table that it shows in full. For
    omitted rows it points to ``tables/NAME.csv`` beside it, with NAME as in Results.

    Args:
        results: of an analysis.
        output: a folder; created if it does not exist.
        heading: title and origin of the page.
    """
    folder, html = output / "figures", output / "report.html"
    folder.mkdir(parents=True, exist_ok=True)
    pictures, missing = [], {}
    for chart in charts.charts():
        try:
            drawn = charts.draw(chart, results)
        except charts.ChartMissing as reason:
            missing[chart.name] = str(reason)
            continue
        width, height = (round(100 * inches) for inches in drawn.get_size_inches())
        pictures.append(Picture(chart, canvas.save(drawn, folder, chart.name), width, height))
    html.write_text(render(results, heading, pictures, missing), encoding="utf-8")
    return Written(html, tuple(path for picture in pictures for path in picture.files), missing)
