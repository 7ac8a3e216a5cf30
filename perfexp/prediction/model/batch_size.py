"""Predict a measured model at another batch size, by the form that the analysis selects for its curve.

A curve is a ``variant`` on a backend: a model at one input size.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.scaling import compare
from perfexp.analysis.scaling.curves import tabulate
from perfexp.prediction.model import conformal, domain, extrapolation
from perfexp.prediction.model.ensemble import fold
from perfexp.prediction.model.extrapolation import KEYS
from perfexp.prediction.model.linear import Array

LARGEST = 0.5
"""Batch sizes from this share of a curve's largest one on are held out together."""
_FOLDS = 12


def predict(cells: pd.DataFrame, at: pd.DataFrame) -> Array:
    """Return latency in ms at the ``variant, backend, batch_size`` of ``at``, each by its own curve.

    Up to a curve's largest batch size by its selected form, beyond by
    :func:`perfexp.prediction.model.extrapolation.predict`.

    Args:
        cells: one backend's cells with features, ``variant, backend, batch_size, latency_ms``.
        at: the queries with features, one row each; NaN without a curve of enough sizes.
    """
    beyond = at["batch_size"].to_numpy(float) > extrapolation.ends(cells, at)
    values = np.full(len(at), np.nan)
    if not beyond.all():
        values[~beyond] = _within(cells, at[~beyond])
    if beyond.any():
        values[beyond] = extrapolation.predict(cells, at[beyond])
    return values


def _within(cells: pd.DataFrame, at: pd.DataFrame) -> Array:
    sizes = cells.groupby(list(KEYS), observed=True)["batch_size"].transform("nunique")
    fitting = cells[sizes >= compare.MIN_SIZES]
    if fitting.empty:
        return np.full(len(at), np.nan)
    table = tabulate(fitting, KEYS)
    judged = compare.judge(table.curves)
    chosen = compare.choose(judged)
    place = table.places(at)
    form = np.where(place >= 0, chosen[place], -1)
    queried = at[["batch_size"]].to_numpy(float)
    values = np.full(len(at), np.nan)
    for index, one in enumerate(judged):
        own = form == index
        if own.any():
            values[own] = one.fitted.part(place[own]).predict(queried[own])[:, 0]
    return values


def leave_largest(cells: pd.DataFrame, alone: bool = False) -> pd.DataFrame:
    """Predict each curve's largest batch sizes from the smaller ones.

    Args:
        cells: of one backend, with features.
        alone: whether no other model is known at those sizes; else all but duplicates are.

    Returns:
        The held-out cells with ``group``, ``predicted_ms`` and ``ahead``, the batch size over the
        largest one left; without curves that have fewer than ``MIN_SIZES`` smaller sizes.
    """
    keys = list(KEYS)
    top = cells.groupby(keys, observed=True)["batch_size"].transform("max")
    out = (cells["batch_size"] >= LARGEST * top).to_numpy()
    groups = domain.duplicates(cells)
    folds = np.zeros(len(cells), dtype=np.int64) if alone else fold(groups, _FOLDS)
    parts = []
    for left_out in np.unique(folds):
        own = out & (folds == left_out)
        held = cells[own].assign(group=groups[own])
        seen = cells[~own]
        held = held.assign(predicted_ms=predict(seen, held))
        parts.append(held.assign(ahead=held["batch_size"] / extrapolation.ends(seen, held)))
    found = pd.concat(parts)
    kept: pd.DataFrame = found[found["predicted_ms"].notna()]
    return kept


def leave_each(cells: pd.DataFrame) -> pd.DataFrame:
    """Predict each batch size between a curve's smallest and largest one from the others."""
    keys = list(KEYS)
    groups = cells.groupby(keys, observed=True)["batch_size"]
    inner = (cells["batch_size"] > groups.transform("min")) & (cells["batch_size"] < groups.transform("max"))
    parts = []
    for size in sorted(cells.loc[inner, "batch_size"].unique()):
        held = cells[inner & (cells["batch_size"] == size)]
        parts.append(held.assign(predicted_ms=predict(cells[cells["batch_size"] != size], held), ahead=1.0))
    found = pd.concat(parts, ignore_index=True) if parts else cells.iloc[:0].assign(predicted_ms=[], ahead=[])
    return found[found["predicted_ms"].notna()]


@dataclass(frozen=True)
class Scores:
    """Errors of held-out cells in logs, their groups, and how far ahead they were; each ``(N,)``."""

    scores: Array
    groups: NDArray[np.str_]
    ahead: Array

    @classmethod
    def of(cls, held: pd.DataFrame, group: str) -> "Scores":
        """Return the scores of :func:`leave_largest` or :func:`leave_each`, by a column of groups."""
        scores = conformal.scores(held["latency_ms"].to_numpy(float), held["predicted_ms"].to_numpy(float))
        return cls(scores, held[group].to_numpy(str), held["ahead"].to_numpy(float))

    def log_half_width(self, ahead: float, coverage: float, without: str | None = None) -> float:
        """Return an interval's half-width in logs by the scores nearest to ``ahead``, less one group's.

        Infinite without scores.
        """
        used = self.groups != without
        if not used.any():
            return np.inf
        nearest = self.ahead[used][np.abs(np.log(self.ahead[used] / ahead)).argmin()]
        used &= np.isclose(self.ahead, nearest)
        return conformal.quantile(self.scores[used], self.groups[used], coverage)


def log_half_widths(held: pd.DataFrame, coverage: float) -> Array:
    """Return the half-width of each row of :func:`leave_largest`, by the scores of other models."""
    scores = Scores.of(held, "group")
    pairs = zip(scores.ahead, scores.groups, strict=True)
    return np.array([scores.log_half_width(ahead, coverage, without=group) for ahead, group in pairs])
