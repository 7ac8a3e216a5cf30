"""Draw and write every figure, ready to be embedded."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perfexp import charts
from perfexp.analysis.results import Results

_MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class Picture:
    """A drawn figure.

    Attributes:
        chart: its name, title and caption.
        files: the written files.
        width, height: in CSS pixels.
    """

    chart: charts.Chart
    files: charts.Files
    width: int
    height: int

    @property
    def uri(self) -> str:
        """Return the smaller of the two files as a data URI."""
        path = min((self.files.svg, self.files.png), key=lambda file: file.stat().st_size)
        return data_uri(path.read_bytes(), _MEDIA[path.suffix])


def data_uri(content: bytes, media: str) -> str:
    """Return ``content`` as a URI that needs no file and no network."""
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"


def draw_all(results: Results, folder: Path) -> tuple[list[Picture], Mapping[str, str]]:
    """Draw and write each figure; also return the reasons for figures that the data do not allow."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures, missing = [], {}
    for chart in charts.charts():
        try:
            drawn = charts.draw(chart, results)
        except charts.ChartMissing as reason:
            missing[chart.name] = str(reason)
            continue
        width, height = (round(100 * inches) for inches in drawn.get_size_inches())
        pictures.append(Picture(chart, charts.save(drawn, folder, chart.name), width, height))
    return pictures, missing
