"""Select the rows that a figure draws from the tables of an analysis."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from perfexp.analysis.results import Results
from perfexp.charts import ChartMissing
from perfexp.config.schema import Accuracy
from perfexp.metrics import METRICS

_TEXTS = ("model", "family", "backend")
_TIME = "latency_per_image_ms"
MAX_BACKENDS = 4


def filled(results: Results, *names: str) -> pd.DataFrame:
    """Return the table named by the first of ``names``.

    Raises:
        ChartMissing: it is empty; the reason is the one that the analysis gave for one of ``names``.
    """
    frame: pd.DataFrame = getattr(results, names[0])
    if frame.empty:
        reasons = (results.missing[name] for name in names if name in results.missing)
        raise ChartMissing(next(reasons, f"The analysis gave no {names[0]}."))
    return frame


def rows(results: Results, frame: pd.DataFrame, what: str, *numbers: str) -> pd.DataFrame:
    """Return the rows in which all of ``numbers`` are finite and positive, with a column ``label``.

    Raises:
        ChartMissing: there is no such row.
    """
    frame = frame.reset_index(drop=True)
    for column in (*numbers, "model", "backend"):
        if column not in frame or not frame[column].notna().any():
            meaning = f" ({METRICS[column].description})" if column in METRICS else ""
            raise ChartMissing(f"No {what} has {column}{meaning}.")
    values = frame[list(numbers)].apply(pd.to_numeric, errors="coerce").astype(float)
    kept: pd.DataFrame = frame[(np.isfinite(values) & (values > 0)).all(axis=1)]
    if kept.empty:
        raise ChartMissing(f"No {what} has {' and '.join(numbers)} together, finite and above zero.")
    texts = {name: kept[name].astype(object).fillna("").astype(str) for name in _TEXTS if name in kept}
    kept = kept.assign(**texts, **{name: values.loc[kept.index, name] for name in numbers})
    kept["label"] = kept["model"].map(_labels(results, kept["model"].unique().tolist()))
    return kept


def _labels(results: Results, models: list[str]) -> dict[str, str]:
    """Return a label for each model; models with equal labels get their name added."""
    plain = {model: results.labels.get(model, model) for model in models}
    times = Counter(plain.values())
    return {m: label if times[label] == 1 else f"{label} ({m})" for m, label in plain.items()}


def residuals(results: Results) -> pd.DataFrame:
    """Return each cell's measured and predicted batch latency, and ``error``, the relative one.

    Raises:
        ChartMissing: no form was fitted.
    """
    table = filled(results, "residuals", "scaling")
    found = rows(results, table, "fit", "measured_ms", "predicted_ms", "batch_size")
    return found.assign(error=found["predicted_ms"] / found["measured_ms"] - 1)


@dataclass(frozen=True)
class Shown:
    """The accuracy that charts show.

    Attributes:
        column: of the runs.
        word: ``Published`` or ``Measured``, for the axis.
        keys: published accuracy belongs to a model, measured accuracy to a model on a backend.
    """

    column: str
    word: str
    keys: tuple[str, ...]


def accuracy(results: Results, rank: str = "top1") -> Shown:
    """Return which accuracy of the rank, ``top1`` or ``top5``, is configured to be shown."""
    if results.accuracy == Accuracy.measured:
        return Shown(rank, "Measured", ("model", "backend"))
    return Shown(f"published_{rank}", "Published", ("model",))


def per_model(results: Results, *numbers: str) -> pd.DataFrame:
    """Return one row per model that has all of ``numbers``, from its first run that has them.

    Raises:
        ChartMissing: no model has them.
    """
    return rows(results, results.runs, "run", *numbers).drop_duplicates("model").reset_index(drop=True)


def cells(results: Results) -> pd.DataFrame:
    """Return ``model, family, label, backend, batch_size, latency_per_image_ms, throughput_images_per_s``.

    Repeated cells are reduced to their median.

    Raises:
        ChartMissing: no run has a time per image and a batch size.
    """
    found = rows(results, results.runs, "run", _TIME, "batch_size")
    keys = ["model", "family", "label", "backend", "batch_size"]
    once = found.groupby(keys, observed=True)[_TIME].median().reset_index()
    return once.assign(
        batch_size=once["batch_size"].astype(int), throughput_images_per_s=1000.0 / once[_TIME]
    )


def backends(frame: pd.DataFrame, most: int = MAX_BACKENDS) -> tuple[list[str], str]:
    """Return the backends with the most rows, sorted by name, and a sentence on the others."""
    counts = frame["backend"].value_counts()
    ranked = sorted(counts.index, key=lambda name: (-counts[name], name))
    rest = sorted(ranked[most:])
    sentence = f"Not drawn, having fewer runs: {', '.join(rest)}." if rest else ""
    return sorted(ranked[:most]), sentence


def top(frame: pd.DataFrame, by: str, most: int, sentence: str) -> tuple[pd.DataFrame, str]:
    """Return the ``most`` rows with the highest ``by``, and ``sentence`` when rows were cut."""
    if len(frame) <= most:
        return frame.sort_values(by), ""
    kept = frame.nlargest(most, by).sort_values(by)
    return kept, sentence.format(shown=most, all=len(frame))
