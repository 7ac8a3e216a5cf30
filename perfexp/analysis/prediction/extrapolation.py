"""A measured model beyond its largest batch size: its last points lead, other models' curves correct.

latency = fixed + marginal · batch_size, each point weighted by (batch_size / largest)ᵉ: an
algorithm that is used for small batches only says little of large ones. The exponent e is the one
that would have foreseen, on the curves of all models, their largest sizes from the smaller ones.
Where other models were measured beyond, a forest learns what their curves do there.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.curves import CurveTable, tabulate
from perfexp.analysis.fitting import Curves, Fit, fit
from perfexp.analysis.forms import AFFINE
from perfexp.analysis.prediction import correction
from perfexp.analysis.prediction.physics import Array

KEYS = ("variant", "backend")
FEWEST_SIZES = 3
_EXPONENTS = (0.0, 1.0, 2.0, 4.0, 8.0)
_FEWEST_OTHERS = 6
_SHAPE_POINTS = 3


@dataclass(frozen=True)
class Foot:
    """All curves up to a batch size, with what their affine fits are and miss.

    Attributes:
        table: the curves, of ``FEWEST_SIZES`` sizes at least.
        fitted: their fits.
        shape: of each curve, the share of the fixed cost, the slope of the last step in logs, and
            the log residuals of the last points, shape ``(G, 2 + _SHAPE_POINTS)``.
    """

    table: CurveTable
    fitted: Fit
    shape: Array


def predict(cells: pd.DataFrame, at: pd.DataFrame, seed: int = 0) -> Array:
    """Latency in ms at ``at``'s ``variant, backend, batch_size``, which lie beyond their curves.

    Args:
        cells: one backend's cells with features, ``variant, backend, batch_size, latency_ms``.
        at: the queries with their networks' features, one row each; NaN where the curve is too short.
        seed: of the forest.
    """
    keys = list(KEYS)
    largest = cells.groupby(keys, observed=True)["batch_size"].max().rename("largest").reset_index()
    ends = at[keys].merge(largest, on=keys, how="left")["largest"].to_numpy(float)
    values = np.full(len(at), np.nan)
    for end in np.unique(ends[np.isfinite(ends)]):
        own = ends == end
        values[own] = _beyond(cells, at[own], float(end), seed)
    return values


def _beyond(cells: pd.DataFrame, at: pd.DataFrame, end: float, seed: int) -> Array:
    seen = cells[cells["batch_size"] <= end]
    sizes = seen.groupby(list(KEYS), observed=True)["batch_size"].transform("nunique")
    if not (sizes >= FEWEST_SIZES).any():
        return np.full(len(at), np.nan)
    foot = _foot(seen[sizes >= FEWEST_SIZES])
    place = _places(foot.table, at)
    values = np.full(len(at), np.nan)
    there = place >= 0
    values[there] = _affine(foot, place[there], at[there])
    others = cells[cells["batch_size"] > end]
    others = others[_places(foot.table, others) >= 0]
    if there.any() and others["variant"].nunique() >= _FEWEST_OTHERS:
        measured = others["latency_ms"].to_numpy(float)
        rows = _places(foot.table, others)
        left = np.log(measured / _affine(foot, rows, others))
        forest = correction.trees(_features(foot, rows, others, end), left, seed)
        values[there] *= np.exp(forest.predict(_features(foot, place[there], at[there], end)))
    return values


def _foot(seen: pd.DataFrame) -> Foot:
    table = tabulate(seen, KEYS)
    fitted = fit(AFFINE, _weighted(table.curves, _exponent(table.curves)))
    return Foot(table, fitted, _shape(table.curves, fitted))


def _exponent(curves: Curves) -> float:
    """The exponent whose fits to each curve's smaller sizes foresee its larger ones best."""
    losses = np.zeros(len(_EXPONENTS))
    for size in range(FEWEST_SIZES, int(curves.sizes.max())):
        hidden = (curves.rank >= size) & (curves.weight > 0)
        rows = hidden.any(axis=1)
        part = curves.part(rows)
        short = Curves(part.batch_size, part.latency_ms, part.weight * (part.rank < size), part.rank)
        for index, exponent in enumerate(_EXPONENTS):
            error = np.log(fit(AFFINE, _weighted(short, exponent)).predict(part.batch_size) / part.latency_ms)
            losses[index] += np.abs(error)[hidden[rows]].sum()
    return _EXPONENTS[int(losses.argmin())]


def _weighted(curves: Curves, exponent: float) -> Curves:
    there = curves.weight > 0
    largest = np.where(there, curves.batch_size, 0).max(axis=1, keepdims=True)
    weight = np.where(there, (curves.batch_size / largest) ** (exponent / 2), 0)
    return Curves(curves.batch_size, curves.latency_ms, weight, curves.rank)


def _shape(curves: Curves, fitted: Fit) -> Array:
    """See :class:`Foot`; points are counted from each curve's end."""
    rows = np.arange(len(curves.weight))[:, None]
    count = (curves.weight > 0).sum(axis=1)[:, None]
    last = np.maximum(count - 1 - np.arange(_SHAPE_POINTS), 0)
    size, latency = curves.batch_size[rows, last], curves.latency_ms[rows, last]
    missed = np.log(latency / fitted.predict(size))
    slope = np.log(latency[:, 0] / latency[:, 1]) / np.log(size[:, 0] / size[:, 1])
    fixed = fitted.linear[:, 0] / fitted.predict(size[:, :1])[:, 0]
    return np.column_stack([fixed, slope, missed])


def _features(foot: Foot, place: NDArray[np.int64], cells: pd.DataFrame, end: float) -> Array:
    ahead = np.log(cells["batch_size"].to_numpy(float) / end)
    network = correction.log_features(cells.assign(batch_size=1))
    return np.column_stack([ahead, foot.shape[place], network])


def _affine(foot: Foot, place: NDArray[np.int64], cells: pd.DataFrame) -> Array:
    return foot.fitted.part(place).predict(cells[["batch_size"]].to_numpy(float))[:, 0]


def _places(table: CurveTable, cells: pd.DataFrame) -> NDArray[np.int64]:
    """The curve that each row belongs to, −1 where there is none."""
    keys = list(KEYS)
    places = table.keys.assign(place=np.arange(len(table.keys)))
    found = cells[keys].merge(places, on=keys, how="left")["place"].fillna(-1)
    return found.to_numpy(np.int64)
