"""Memory against parameters, with lines fitted by least squares."""

import numpy as np
import pandas as pd
import statsmodels.api as sm
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perfexp.analysis.results import Results
from perfexp.charts import Chart, ChartMissing, canvas, colours, select

_MEASURES = {"memory_model_mb": "rise by loading the model", "memory_peak_mb": "peak during inference"}
_FIT_MODELS = 4
_FAMILY_LINES = 3


def draw(results: Results) -> Figure:
    """Draw a row per backend: memory of the loaded model, and the peak at the smallest batch size."""
    found = {name: rows for name in _MEASURES if (rows := _rows(results, name)) is not None}
    if not found:
        raise ChartMissing("No run has both parameters and memory_model_mb or memory_peak_mb.")
    backends, rest = select.backends(pd.concat(found.values()))
    views = [(b, name) for b in backends for name, rows in found.items() if (rows["backend"] == b).any()]
    looks = colours.families(results)
    titles = [f"{backend}, {_MEASURES[name]}" for backend, name in views]
    drawn, axes = canvas.panels(titles, 3.5, columns=len(found))
    for panel, (backend, name) in zip(axes, views, strict=True):
        one = found[name][found[name]["backend"] == backend]
        colours.dots(panel, one["millions"], one[name], one["family"], looks, 30.0)
        _lines(panel, one, name, looks)
    axes[0].set_ylim(bottom=0)
    canvas.axis_labels(axes, "Parameters (millions)", "Memory (MB)")
    colours.legend(drawn, looks, pd.concat(found.values())["family"])
    smallest = min(int(rows["batch_size"].min()) for rows in found.values())
    canvas.note(
        drawn,
        f"At batch size {smallest}. Slopes: least squares with 95 % interval, over all models and over "
        f"the largest families with {_FIT_MODELS} models or more; MB = 10⁶ bytes.",
        rest,
    )
    return drawn


def _rows(results: Results, memory: str) -> pd.DataFrame | None:
    """Return the median memory of each model and backend at the smallest batch size that was run."""
    try:
        rows = select.rows(results, results.runs, "run", memory, "params", "batch_size")
    except ChartMissing:
        return None
    rows = rows[rows["batch_size"] == rows["batch_size"].min()]
    keys = ["model", "family", "backend", "batch_size", "params"]
    once: pd.DataFrame = rows.groupby(keys, observed=True)[memory].median().reset_index()
    return once.assign(millions=once["params"] / 1e6)


def _lines(axes: Axes, rows: pd.DataFrame, memory: str, looks: colours.Looks) -> None:
    sizes = rows["family"].value_counts()
    families = [name for name in sizes.index if name and sizes[name] >= _FIT_MODELS][:_FAMILY_LINES]
    groups = [("all models", rows, colours.FIT, "--")]
    groups += [(name, rows[rows["family"] == name], looks[name].colour, "-") for name in families]
    for name, group, colour, style in groups:
        if group["millions"].nunique() >= _FIT_MODELS:
            _line(axes, name, group["millions"], group[memory], colour, style)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="upper left", title="Slope in MB per million parameters", fontsize=7, title_fontsize=7
        )


def _line(
    axes: Axes, name: str, x: "pd.Series[float]", y: "pd.Series[float]", colour: str, style: str
) -> None:
    fit = sm.OLS(y.to_numpy(), sm.add_constant(x.to_numpy())).fit()
    intercept, slope = fit.params
    low, high = fit.conf_int()[1]
    ends = np.array([x.min(), x.max()])
    label = f"{name}: {slope:.2f} ({low:.2f} to {high:.2f})"
    axes.plot(ends, intercept + slope * ends, color=colour, linestyle=style, linewidth=1.3, label=label)


CHARTS = (Chart(
    "memory_params", 60, "Memory against parameters", draw,
    "Rise of the worker's resident set over its baseline against the number of parameters: after loading, "
    "and at the peak. Parameters alone are 4 MB per million in 32-bit floats.",
),)  # fmt: skip
