"""Render the page from a template; everything that comes from data is escaped."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jinja2

from perfexp.analysis.results import Results
from perfexp.charts import Chart
from perfexp.environment import version
from perfexp.report.tables import MAX_ROWS, data_uri, left_out, tables

_LIBRARIES = ("perfexp", "numpy", "pandas", "scipy", "statsmodels", "scikit-learn", "matplotlib", "mlflow")
_SCOPE = {
    "model": "models", "family": "families", "backend": "backends", "device": "devices",
    "precision": "precisions", "batch_size": "batch sizes", "host": "hosts", "source": "model sources",
}  # fmt: skip
_MAX_NAMES = 12


@dataclass(frozen=True)
class Heading:
    """The page's title and origin.

    Attributes:
        title: of the page.
        experiment: of the runs.
        command: the exact command that makes this page again.
        source: origin of the numbers, with the citation of published ones.
        tracking_uri: of the store, without credentials.
    """

    title: str
    experiment: str
    command: str
    source: str
    tracking_uri: str


@dataclass(frozen=True)
class Picture:
    """A drawn figure: its files as SVG and PNG, its width and height in CSS pixels."""

    chart: Chart
    files: tuple[Path, Path]
    width: int
    height: int

    @property
    def uri(self) -> str:
        """Return the smaller of the two files as a data URI."""
        path = min(self.files, key=lambda file: file.stat().st_size)
        return data_uri(path.read_bytes(), "image/svg+xml" if path.suffix == ".svg" else "image/png")


def render(
    results: Results, heading: Heading, pictures: Sequence[Picture], missing: Mapping[str, str]
) -> str:
    """Return the page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("perfexp.report", "template"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    reasons, cells = left_out(results)
    return environment.get_template("page.html").render(
        heading=heading,
        findings=results.findings,
        scope=_scope(results),
        pictures=pictures,
        tables=tables(results),
        most_rows=MAX_ROWS,
        reasons=reasons,
        left_out=cells,
        missing={**results.missing, **missing},
        versions={"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _scope(results: Results) -> dict[str, str]:
    """Count what the runs cover, with names while they are few."""
    scope = {"runs": f"{len(results.runs):,}"}
    for column, title in _SCOPE.items():
        if column not in results.runs:
            continue
        found = sorted(results.runs[column].dropna().unique().tolist())
        if found:
            names = f": {', '.join(map(str, found))}" if len(found) <= _MAX_NAMES else ""
            scope[title] = f"{len(found):,}{names}"
    return scope
