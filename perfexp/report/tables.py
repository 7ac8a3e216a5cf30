"""Tables of the page: chosen columns, formatted numbers, and the CSV of tables shown in full."""

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from perfexp.analysis.results import Results
from perfexp.analysis.spreadsheet import as_csv
from perfexp.metrics import METRICS

MAX_ROWS = 200


def data_uri(content: bytes, media: str) -> str:
    """Return ``content`` as a URI that needs no file and no network."""
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"


@dataclass(frozen=True)
class Cell:
    """The text to read and the value to sort by."""

    text: str
    value: str
    number: bool


@dataclass(frozen=True)
class Spec:
    """A table's name as in Results, its title, how to read it, its order and its columns."""

    name: str
    title: str
    sentence: str
    order: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        spec: the table's description.
        columns: name to meaning; empty where the name is enough.
        rows: the rows shown.
        total: number of all rows.
        csv: a data URI; empty when not all rows are shown.
    """

    spec: Spec
    columns: Mapping[str, str]
    rows: list[list[Cell]]
    total: int
    csv: str

    def is_number(self, column: int) -> bool:
        """Return whether the column holds numbers."""
        return self.rows[0][column].number


def _selected_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["selected", "model"], ascending=[False, True], kind="stable")


def _measured(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop the points in between, which only serve to draw the curve."""
    return frame.dropna(subset="centroid_per_image_ms")


def _furthest_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[frame["standardised"].abs().argsort()[::-1]]


_SPECS = (
    Spec(
        "scaling", "Latency against batch size",
        "One row per model, backend and form; errors are fractions, ape_largest_batch is of a fit without "
        "the largest batch size. Of the affine form: fixed cost of a batch, marginal cost of an image, "
        "and the batch size at half of peak throughput.", _selected_first, columns=(
            "model", "family", "backend", "form", "selected", "mape_in_sample", "ape_largest_batch",
            "fixed_ms", "marginal_ms", "half_peak_batch_size", "params",
        ),
    ),
    Spec("clusters", "Clusters", "Cluster 0 is the fastest."),
    Spec("centroids", "Pooled regression", "Through the mean time per image at each batch size.", _measured),
    Spec("anova", "Analysis of variance", "Of log latency; partial_eta_sq is the effect's size, 0 to 1."),
    Spec("assumptions", "Assumption checks", "Assumptions of the analysis of variance, each with its test."),
    Spec("tukey", "Tukey's honest significant differences", "Pairs of levels, p adjusted for all pairs."),
    Spec("residuals", "Residuals", "The furthest from their fit come first.", _furthest_first),
    Spec(
        "runs", "Runs used", "One row per cell.", columns=(
            "model", "family", "backend", "device", "precision", "batch_size", "latency_per_image_ms",
            "latency_p50_ms", "throughput_images_per_s", "memory_peak_mb", "params", "macs", "published_top1",
            "host", "run_id",
        ),
    ),
)  # fmt: skip


def tables(results: Results) -> list[Table]:
    """Return all tables that have rows."""
    return [_table(spec, results) for spec in _SPECS if not getattr(results, spec.name).empty]


def left_out(results: Results) -> tuple[list[tuple[str, int]], Table | None]:
    """Return the reasons with their number of cells, the commonest first; and the table of cells."""
    frame = results.left_out
    if frame.empty:
        return [], None
    counts = frame["reason"].astype(str).value_counts()
    spec = Spec("left_out", "Cells left out", "With the reason.")
    return [(str(reason), int(count)) for reason, count in counts.items()], _table(spec, results)


def _table(spec: Spec, results: Results) -> Table:
    frame: pd.DataFrame = getattr(results, spec.name)
    columns = [name for name in spec.columns if name in frame and frame[name].notna().any()]
    ordered = spec.order(frame)
    shown = ordered[columns or list(frame.columns)].head(MAX_ROWS)
    if "model" in shown:
        shown = shown.assign(model=[results.labels.get(str(name), str(name)) for name in shown["model"]])
    complete = len(shown) == len(ordered)
    return Table(
        spec=spec,
        columns={name: METRICS[name].description if name in METRICS else "" for name in shown.columns},
        rows=[[_cell(value) for value in row] for row in shown.itertuples(index=False, name=None)],
        total=len(ordered),
        csv=data_uri(as_csv(ordered).encode(), "text/csv;charset=utf-8") if complete else "",
    )


def _cell(value: object) -> Cell:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return Cell("yes" if value else "no", str(int(value)), number=True)
    if not isinstance(value, int | float):
        text = "–" if value is None or value is pd.NaT else str(value)
        return Cell(text, text, number=False)
    return Cell(_number(value), "" if math.isnan(value) else repr(value), number=True)


def _number(value: float) -> str:
    """Format with four significant digits, or all digits of a whole number."""
    if math.isnan(value):
        return "–"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e12 else f"{value:.3e}"
    return f"{value:.4g}" if value == 0 or abs(value) >= 1e-3 else f"{value:.2e}"
