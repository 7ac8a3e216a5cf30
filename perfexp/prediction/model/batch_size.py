"""A measured model at another batch size: its own curve, by the form that the analysis selects.

A curve is a ``variant`` on a backend: a model, told apart by input size where it comes in several.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.scaling import compare
from perfexp.analysis.scaling.curves import tabulate
from perfexp.prediction.model import conformal, duplicates, extrapolation
from perfexp.prediction.model.ensemble import fold
from perfexp.prediction.model.extrapolation import KEYS
from perfexp.prediction.model.linear import Array

LARGEST = 0.5
"""Batch sizes from this share of a curve's largest one on are left out together."""
_FOLDS = 12


def predict(cells: pd.DataFrame, at: pd.DataFrame) -> Array:
    """Latency in ms at ``at``'s ``variant, backend, batch_size``, each on its own curve.

    Up to a curve's largest batch size by the form that was selected for it, beyond by
    :func:`perfexp.prediction.model.extrapolation.predict`.

    Args:
        cells: one backend's cells with features, ``variant, backend, batch_size, latency_ms``;
            curves of too few sizes give NaN.
        at: the queries with features, one row each; NaN where the model has no curve.
    """
    keys = list(KEYS)
    largest = cells.groupby(keys, observed=True)["batch_size"].max().rename("largest").reset_index()
    ends = at[keys].merge(largest, on=keys, how="left")["largest"].to_numpy(float)
    beyond = at["batch_size"].to_numpy(float) > ends
    values = np.full(len(at), np.nan)
    if not beyond.all():
        values[~beyond] = _within(cells, at[~beyond])
    if beyond.any():
        values[beyond] = extrapolation.predict(cells, at[beyond])
    return values


def _within(cells: pd.DataFrame, at: pd.DataFrame) -> Array:
    fitting = cells[_enough(cells)]
    if fitting.empty:
        return np.full(len(at), np.nan)
    table = tabulate(fitting, KEYS)
    judged = compare.judge(table.curves)
    chosen = compare.choose(judged)
    places = table.keys.assign(place=np.arange(len(table.keys)))
    keys = list(KEYS)
    place = at[keys].merge(places, on=keys, how="left")["place"].to_numpy(float)
    there = np.isfinite(place)
    rows = place[there].astype(int)
    sizes = at["batch_size"].to_numpy(float)[there][:, None]
    values = np.full(len(at), np.nan)
    found = np.full(len(rows), np.nan)
    for index, one in enumerate(judged):
        own = chosen[rows] == index
        if own.any():
            found[own] = one.fitted.part(rows[own]).predict(sizes[own])[:, 0]
    values[there] = found
    return values


def leave_largest(cells: pd.DataFrame, alone: bool = False) -> pd.DataFrame:
    """The cells of each curve's largest batch sizes, predicted from the smaller ones.

    Args:
        cells: of one backend, with features.
        alone: nobody was measured at those sizes; otherwise other models were, twins excepted.

    Returns:
        Those cells with ``predicted_ms`` and ``ahead``, the batch size over the largest one seen;
        none of curves with fewer than ``scaling.MIN_SIZES`` smaller sizes.
    """
    keys = list(KEYS)
    top = cells.groupby(keys, observed=True)["batch_size"].transform("max")
    out = (cells["batch_size"] >= LARGEST * top).to_numpy()
    groups = duplicates.groups(cells)
    folds = np.zeros(len(cells), dtype=np.int64) if alone else fold(groups, _FOLDS)
    parts = []
    for left_out in np.unique(folds):
        own = out & (folds == left_out)
        held = cells[own].assign(group=groups[own])
        seen = cells[~own]
        held = held.assign(predicted_ms=predict(seen, held))
        largest = seen.groupby(keys, observed=True)["batch_size"].max().rename("largest").reset_index()
        ends = held[keys].merge(largest, on=keys, how="left")["largest"].to_numpy(float)
        parts.append(held.assign(ahead=held["batch_size"] / ends))
    found = pd.concat(parts)
    kept: pd.DataFrame = found[found["predicted_ms"].notna()]
    return kept


def leave_each(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells between a curve's smallest and largest batch size, predicted without their own."""
    keys = list(KEYS)
    groups = cells.groupby(keys, observed=True)["batch_size"]
    inner = (cells["batch_size"] > groups.transform("min")) & (cells["batch_size"] < groups.transform("max"))
    parts = []
    for size in sorted(cells.loc[inner, "batch_size"].unique()):
        held = cells[inner & (cells["batch_size"] == size)]
        parts.append(held.assign(predicted_ms=predict(cells[cells["batch_size"] != size], held), ahead=1.0))
    found = pd.concat(parts, ignore_index=True) if parts else cells.iloc[:0].assign(predicted_ms=[], ahead=[])
    return found[found["predicted_ms"].notna()]


def reach(held: pd.DataFrame, coverage: float) -> Array:
    """Of each row of :func:`leave_largest`, in logs, by the scores of models that are no twins."""
    scores = conformal.scores(held["latency_ms"].to_numpy(float), held["predicted_ms"].to_numpy(float))
    models, ahead = held["group"].to_numpy(str), held["ahead"].to_numpy(float)
    return np.array(
        [
            reach_of(scores, models, ahead, far, models != own, coverage)
            for own, far in zip(models, ahead, strict=True)
        ]
    )


def reach_of(
    scores: Array,
    models: NDArray[np.str_],
    ahead: Array,
    far: float,
    allowed: NDArray[np.bool_],
    coverage: float,
) -> float:
    """How far an interval goes in logs, ``far`` times ahead, by the ``allowed`` scores; infinite by none."""
    if not allowed.any():
        return np.inf
    nearest = ahead[allowed][np.abs(np.log(ahead[allowed] / far)).argmin()]
    alike = allowed & np.isclose(ahead, nearest)
    return conformal.quantile(scores[alike], models[alike], coverage)


def _enough(cells: pd.DataFrame) -> "pd.Series[bool]":
    sizes = cells.groupby(list(KEYS), observed=True)["batch_size"].transform("nunique")
    return sizes >= compare.MIN_SIZES
