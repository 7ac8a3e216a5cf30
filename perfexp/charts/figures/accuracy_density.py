"""Accuracy per million parameters, by model."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perfexp.analysis.comparison import wilson
from perfexp.analysis.results import Results
from perfexp.charts import Chart, canvas, colours, select
from perfexp.config.schema import Accuracy

_MAX_BARS = 50
_VALIDATION_IMAGES = 50_000
_EVALUATION_NOTE = "Whiskers: 95 % Wilson interval over the evaluation's images."
_IMAGENET = ("IMAGENET1K", "IN1K")


def draw(results: Results) -> Figure:
    """Draw one bar per model, sorted; whiskers where the accuracy's number of images is known."""
    accuracy = select.accuracy(results)
    models = select.per_model(results, accuracy.column, "params")
    models = models.assign(density=models[accuracy.column] / (models["params"] / 1e6))
    shown, cut = select.top(
        models, "density", _MAX_BARS, "The {shown} densest of {all:,} models; the others are not drawn."
    )
    looks = colours.families(results)
    measured = results.accuracy == Accuracy.measured
    spread = _measured_intervals(shown) if measured else _intervals(shown)
    drawn = canvas.figure(1.3 + 0.19 * len(shown))
    axes = drawn.subplots()
    _bars(axes, shown, spread, looks)
    axes.set(xscale="log", xlabel=f"{accuracy.word} top-1 accuracy per million parameters (%/M, log axis)")
    axes.set_xlim(shown["density"].min() / 1.6, shown["density"].max() * 1.15)
    canvas.plain_log_ticks(axes, "x")
    colours.legend(drawn, looks, shown["family"], bars=True)
    scale = "On a log axis compare where the bars end, not their lengths."
    whiskers = _EVALUATION_NOTE if measured else _explained(spread)
    canvas.note(drawn, cut, whiskers, scale)
    return drawn


def _bars(axes: Axes, models: pd.DataFrame, spread: pd.DataFrame, looks: colours.Looks) -> None:
    places = range(len(models))
    shown = [looks[family] for family in models["family"]]
    axes.barh(
        places, models["density"], color=[look.colour for look in shown],
        hatch=[look.hatch for look in shown], edgecolor=colours.EDGE, linewidth=0.4,
    )  # fmt: skip
    whiskers = spread.to_numpy().T
    axes.errorbar(models["density"], places, xerr=whiskers, fmt="none", ecolor="black", capsize=2)
    axes.set_yticks(places, models["label"])
    axes.set_ylim(-0.7, len(models) - 0.3)
    axes.grid(visible=False, axis="y")


def _intervals(models: pd.DataFrame) -> pd.DataFrame:
    """Return the distances to the ends of the interval; NaN where the number of images is unknown."""
    weights = models.get("published_weights", pd.Series("", index=models.index)).astype(str).str.upper()
    known = weights.map(lambda name: any(word in name for word in _IMAGENET))
    top1, millions = models["published_top1"], models["params"] / 1e6
    total = np.full(len(models), _VALIDATION_IMAGES)
    low, high = wilson(np.round(top1.to_numpy() / 100 * total).astype(np.int64), total)
    return pd.DataFrame({"below": (top1 - low) / millions, "above": (high - top1) / millions}).where(known)


def _measured_intervals(models: pd.DataFrame) -> pd.DataFrame:
    millions = models["params"] / 1e6
    below, above = models["top1"] - models["top1_low"], models["top1_high"] - models["top1"]
    return pd.DataFrame({"below": below / millions, "above": above / millions})


def _explained(spread: pd.DataFrame) -> str:
    known = int(spread["below"].notna().sum())
    if not known:
        return "No whiskers: the number of images behind the accuracies is not known."
    rest = f" ({len(spread) - known} models without: the number of images is not known)"
    return (
        f"Whiskers: 95 % Wilson interval of an accuracy on ImageNet's n = {_VALIDATION_IMAGES:,} "
        f"validation images{rest if known < len(spread) else ''}."
    )


CHARTS = (Chart(
    "accuracy_density", 20, "Accuracy density", draw,
    "Top-1 accuracy, published or measured as the axis says, divided by millions of parameters.",
),)  # fmt: skip
