"""The table of inference times as a heat map with its numbers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.charts import Chart, canvas, select
from perfexp.metrics import label

_MAX_MODELS = 40
_MAX_BATCHES = 10
_MAX_COLUMNS = 16
_SCHEME = "viridis_r"
_CELL = "latency_per_image_ms"


def draw(results: Results) -> Figure:
    """Draw models in rows and batch sizes in columns, a panel per backend."""
    cells = select.cells(results)
    backends, rest = select.backends(cells)
    cells = cells[cells["backend"].isin(backends)]
    batches, cut_batches = _batches(cells)
    cells = cells[cells["batch_size"].isin(batches)]
    columns = 2 if len(batches) * min(len(backends), 2) <= _MAX_COLUMNS else 1
    order, cut_models = _models(cells, _MAX_MODELS if len(backends) <= 2 * columns else _MAX_MODELS // 2)
    cells = cells[cells["label"].isin(order)]
    batches = [size for size in batches if (cells["batch_size"] == size).any()]
    norm = LogNorm(cells[_CELL].min() * 0.999, cells[_CELL].max() * 1.001)
    drawn, axes = canvas.panels(backends, max(1.6, 0.9 + 0.19 * len(order)), columns=columns)
    for panel, backend in zip(axes, backends, strict=True):
        one = cells[cells["backend"] == backend]
        table = one.pivot(index="label", columns="batch_size", values=_CELL).reindex(order, columns=batches)
        _heat(panel, table, norm)
    canvas.axis_labels(axes, "Batch size (images)", "")
    scale = drawn.colorbar(
        ScalarMappable(norm, _SCHEME), ax=axes, label=label(_CELL), pad=0.01, fraction=0.05,
        aspect=5 * drawn.get_figheight(),
    )  # fmt: skip
    canvas.plain_log_ticks(scale.ax, "y")
    empty = len(order) * len(batches) * len(backends) > len(cells)
    canvas.note(drawn, cut_models, cut_batches, rest, "Blank: not measured, or left out." if empty else "")
    return drawn


def _batches(cells: pd.DataFrame) -> tuple[list[int], str]:
    counts = cells["batch_size"].value_counts()
    common = sorted(counts.index, key=lambda size: (-counts[size], size))[:_MAX_BATCHES]
    cut = len(counts) - len(common)
    return sorted(common), f"The {len(common)} commonest batch sizes; {cut} others not drawn." if cut else ""


def _models(cells: pd.DataFrame, most: int) -> tuple[list[str], str]:
    """Return labels from fast to slow by geometric mean; of too many, those with the most cells."""
    logs = cells.assign(log=np.log(cells[_CELL])).groupby("label")["log"].agg(["mean", "size"])
    ranked = logs.sort_values(["size", "mean"], ascending=[False, True])
    kept = ranked.head(most).sort_values("mean")
    cut = f"{most} of {len(logs):,} models: the fastest of those with the most cells."
    return list(kept.index), cut if len(logs) > most else ""


def _heat(axes: Axes, table: pd.DataFrame, norm: LogNorm) -> None:
    values = table.to_numpy(dtype=float)
    image = axes.imshow(values, norm=norm, cmap=_SCHEME, aspect="auto")
    axes.set_xticks(range(table.shape[1]), [f"{size:,}" for size in table.columns])
    axes.set_yticks(range(table.shape[0]), table.index)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            written = axes.text(
                column, row, _number(value), ha="center", va="center", fontsize=6.5,
                color=_readable(image.cmap(norm(value))),
            )  # fmt: skip
            written.set_in_layout(False)


def _readable(background: tuple[float, float, float, float]) -> str:
    """Return black or white, whichever has more contrast (WCAG 2's luminance, with a gamma of 2.2)."""
    luminance = np.dot(np.power(background[:3], 2.2), (0.2126, 0.7152, 0.0722))
    return "black" if luminance > 0.179 else "white"


def _number(value: float) -> str:
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}" if value >= 0.1 else f"{value:#.2g}"


CHARTS = (Chart(
    "latency_table", 30, "Inference time", draw,
    "Latency per image in ms for every model and batch size, a panel per backend; fast is light.",
),)  # fmt: skip
