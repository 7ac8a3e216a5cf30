"""A measured model beyond its largest batch size: its last points lead, other models' curves correct.

latency = fixed + marginal · batch_size, each point weighted by (batch_size / largest)ᵉ: an
algorithm that is used for small batches only says little of large ones. The exponent e is the one
that would have foreseen, on the curves of all models, their largest sizes from the smaller ones.
Where other models were measured beyond, it is the one that their curves leave in the same way, and
what they do there is learned: by trees and by a Gaussian process, whose mean errs less than either.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.scaling.curves import CurveTable, tabulate
from perfexp.analysis.scaling.forms import AFFINE
from perfexp.analysis.scaling.least_squares import Curves, Fit, fit
from perfexp.prediction.model import residual
from perfexp.prediction.model.linear import Array

KEYS = ("variant", "backend")
MIN_SIZES = 3
_EXPONENTS = (0.0, 1.0, 2.0, 4.0, 8.0)
_MIN_OTHERS = 6
_STEPS = 4


@dataclass(frozen=True)
class Foot:
    """All curves up to a batch size, with what their affine fits are and miss.

    Attributes:
        table: the curves, of ``MIN_SIZES`` sizes at least.
        fitted: their fits.
        shape: of each curve, the share of the fixed cost at its end, and the slopes in logs of its
            last ``_STEPS`` steps, from its end, shape ``(G, 1 + _STEPS)``.
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
    if not (sizes >= MIN_SIZES).any():
        return np.full(len(at), np.nan)
    table = tabulate(seen[sizes >= MIN_SIZES], KEYS)
    others = cells[cells["batch_size"] > end]
    others = others[_places(table, others) >= 0]
    learning = others["variant"].nunique() >= _MIN_OTHERS
    exponent = _alike(table, others) if learning else _foreseeing(table.curves)
    foot = _foot(table, exponent)
    place = _places(table, at)
    values = np.full(len(at), np.nan)
    there = place >= 0
    values[there] = _affine(foot, place[there], at[there])
    if learning and there.any():
        features = _features(foot, _places(table, others), others, end)
        queries = _features(foot, place[there], at[there], end)
        values[there] *= np.exp(_learned(features, _left(foot, others), queries, seed))
    return values


def _learned(features: Array, left: Array, queries: Array, seed: int) -> Array:
    learners = (residual.trees, residual.smooth)
    found = np.mean([learn(features, left, seed).predict(queries) for learn in learners], axis=0)
    return np.asarray(np.clip(found, left.min(), left.max()))


def _foot(table: CurveTable, exponent: float) -> Foot:
    fitted = fit(AFFINE, _weighted(table.curves, exponent))
    return Foot(table, fitted, _shape(table.curves, fitted))


def _alike(table: CurveTable, others: pd.DataFrame) -> float:
    """The exponent whose fits the curves measured beyond leave by the most similar factors."""
    left = pd.DataFrame({exponent: _left(_foot(table, exponent), others) for exponent in _EXPONENTS})
    away = left - left.groupby(others["batch_size"].to_numpy()).transform("median")
    return _EXPONENTS[int(away.abs().mean().to_numpy().argmin())]


def _left(foot: Foot, others: pd.DataFrame) -> Array:
    measured = others["latency_ms"].to_numpy(float)
    return np.asarray(np.log(measured / _affine(foot, _places(foot.table, others), others)))


def _foreseeing(curves: Curves) -> float:
    """The exponent whose fits to each curve's smaller sizes foresee its larger ones best."""
    losses = np.zeros(len(_EXPONENTS))
    for size in range(MIN_SIZES, int(curves.sizes.max())):
        hidden = (curves.rank >= size) & (curves.weight > 0)
        rows = np.asarray(hidden.any(axis=1))
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
    """See :class:`Foot`; a curve of fewer steps repeats its first one."""
    rows = np.arange(len(curves.weight))[:, None]
    steps = (curves.weight > 0).sum(axis=1)[:, None] - 1
    end = np.maximum(steps - np.arange(_STEPS), 1)
    size, latency = np.log(curves.batch_size), np.log(curves.latency_ms)
    run = size[rows, end] - size[rows, end - 1]
    slopes = (latency[rows, end] - latency[rows, end - 1]) / np.where(run > 0, run, 1)
    last = curves.batch_size[rows, steps]
    fixed = fitted.linear[:, :1] / fitted.predict(last)
    return np.column_stack([fixed, slopes])


def _features(foot: Foot, place: NDArray[np.int64], cells: pd.DataFrame, end: float) -> Array:
    ahead = np.log(cells["batch_size"].to_numpy(float) / end)
    network = residual.log_features(cells.assign(batch_size=1))
    return np.column_stack([ahead, foot.shape[place], network])


def _affine(foot: Foot, place: NDArray[np.int64], cells: pd.DataFrame) -> Array:
    return foot.fitted.part(place).predict(cells[["batch_size"]].to_numpy(float))[:, 0]


def _places(table: CurveTable, cells: pd.DataFrame) -> NDArray[np.int64]:
    """The curve that each row belongs to, −1 where there is none."""
    keys = list(KEYS)
    places = table.keys.assign(place=np.arange(len(table.keys)))
    found = cells[keys].merge(places, on=keys, how="left")["place"].fillna(-1)
    return found.to_numpy(np.int64)
