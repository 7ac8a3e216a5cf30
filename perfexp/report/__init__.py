"""One self-contained HTML page with every figure and table of an analysis."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from perfexp.analysis.results import Results
from perfexp.report.page import Heading, render
from perfexp.report.pictures import draw_all

__all__ = ["Heading", "Written", "write"]


@dataclass(frozen=True)
class Written:
    """What ``write`` left on disk.

    Attributes:
        html: the page.
        figures: SVG and PNG files.
        missing: figure to the sentence on why it is not there.
    """

    html: Path
    figures: tuple[Path, ...]
    missing: Mapping[str, str]


def write(results: Results, output: Path, heading: Heading, progress: Callable[[str], None]) -> Written:
    """Draw all figures into ``output/figures`` and write ``output/report.html``.

    The page needs no other file: it embeds its figures and every table that it shows in full; for the
    rows it leaves out it points to ``tables/NAME.csv`` beside it, NAME being the table's in Results.

    Args:
        results: of an analysis.
        output: a folder, made when it is not there.
        heading: what the page says about its own making.
        progress: told the name of each figure before it is drawn, and the page's.
    """
    pictures, missing = draw_all(results, output / "figures", progress)
    html = output / "report.html"
    progress("report.html")
    html.write_text(render(results, heading, pictures, missing), encoding="utf-8")
    files = tuple(path for picture in pictures for path in (picture.files.svg, picture.files.png))
    return Written(html, files, missing)
