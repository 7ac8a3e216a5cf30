"""One self-contained HTML page with every figure and table of an analysis."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perfexp.analysis.results import Results
from perfexp.report.page import Heading, render
from perfexp.report.pictures import draw_all

__all__ = ["Heading", "Written", "write"]


@dataclass(frozen=True)
class Written:
    """The files that ``write`` made.

    Attributes:
        html: the page.
        figures: SVG and PNG files.
        missing: figure to the reason why it is absent, in one sentence.
    """

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
    pictures, missing = draw_all(results, output / "figures")
    html = output / "report.html"
    html.write_text(render(results, heading, pictures, missing), encoding="utf-8")
    files = tuple(path for picture in pictures for path in (picture.files.svg, picture.files.png))
    return Written(html, files, missing)
