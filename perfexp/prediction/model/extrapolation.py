"""Predict a measured model beyond its largest batch size, by its last points and other models' curves.

latency = fixed + marginal · batch_size, each point weighted by (batch_size / largest)ᵉ: an
algorithm that is used for small batches only says little about large ones. The exponent e is the
one that best predicts, on the curves of all models, the largest sizes from the smaller ones. Where
other models were measured beyond, it is the one for which their residuals there are most similar,
and these residuals are learned by trees and by a Gaussian process, whose mean errs less than either.
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
class Curved:
    """All curves up to a batch size, with their affine fits.

    Attributes:
        table: the curves, of at least ``MIN_SIZES`` sizes.
        fitted: their fits.
        shape: the share of the fixed cost at each curve's end, and the slopes in logs of its last
            ``_STEPS`` steps, the last one first, shape ``(G, 1 + _STEPS)``.
    """

    table: CurveTable
    fitted: Fit
    shape: Array


def predict(cells: pd.DataFrame, at: pd.DataFrame, seed: int = 0) -> Array:
    """Return latency in ms at the ``variant, backend, batch_size`` of ``at``, which lie beyond their curves.

    Args:
        cells: one backend's cells with features, ``variant, backend, batch_size, latency_ms``.
        at: the queries with features, one row each; NaN where the curve is too short.
        seed: of the forest.
    """
    largest = ends(cells, at)
    values = np.full(len(at), np.nan)
    for end in np.unique(largest[np.isfinite(largest)]):
        rows = largest == end
        values[rows] = _beyond(cells, at[rows], float(end), seed)
    return values


def ends(cells: pd.DataFrame, at: pd.DataFrame) -> Array:
    """Return the largest batch size of each query's curve, shape ``(N,)``; NaN without a curve."""
    keys = list(KEYS)
    largest = cells.groupby(keys, observed=True)["batch_size"].max().rename("largest").reset_index()
    return at[keys].merge(largest, on=keys, how="left")["largest"].to_numpy(float)


def _beyond(cells: pd.DataFrame, at: pd.DataFrame, end: float, seed: int) -> Array:
    seen = cells[cells["batch_size"] <= end]
    sizes = seen.groupby(list(KEYS), observed=True)["batch_size"].transform("nunique")
    if not (sizes >= MIN_SIZES).any():
        return np.full(len(at), np.nan)
    table = tabulate(seen[sizes >= MIN_SIZES], KEYS)
    others = cells[cells["batch_size"] > end]
    others = others[table.places(others) >= 0]
    learning = others["variant"].nunique() >= _MIN_OTHERS
    exponent = _most_similar(table, others) if learning else _most_predictive(table.curves)
    curved = _curved(table, exponent)
    place = table.places(at)
    values = np.full(len(at), np.nan)
    fitted = place >= 0
    values[fitted] = _affine(curved, place[fitted], at[fitted])
    if learning and fitted.any():
        features = _features(curved, table.places(others), others, end)
        queries = _features(curved, place[fitted], at[fitted], end)
        values[fitted] *= np.exp(_learned(features, _left(curved, others), queries, seed))
    return values


def _learned(features: Array, left: Array, queries: Array, seed: int) -> Array:
    learners = (residual.trees, residual.process)
    found = np.mean([learn(features, left, seed)(queries) for learn in learners], axis=0)
    return np.asarray(np.clip(found, left.min(), left.max()))


def _curved(table: CurveTable, exponent: float) -> Curved:
    fitted = fit(AFFINE, _weighted(table.curves, exponent))
    return Curved(table, fitted, _shape(table.curves, fitted))


def _most_similar(table: CurveTable, others: pd.DataFrame) -> float:
    """Return the exponent for which the residuals of cells measured beyond are most similar."""
    left = pd.DataFrame({exponent: _left(_curved(table, exponent), others) for exponent in _EXPONENTS})
    away = left - left.groupby(others["batch_size"].to_numpy()).transform("median")
    return _EXPONENTS[int(away.abs().mean().to_numpy().argmin())]


def _left(curved: Curved, others: pd.DataFrame) -> Array:
    measured = others["latency_ms"].to_numpy(float)
    return np.asarray(np.log(measured / _affine(curved, curved.table.places(others), others)))


def _most_predictive(curves: Curves) -> float:
    """Return the exponent whose fits to each curve's smaller sizes predict its larger ones best."""
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
    points = curves.weight > 0
    largest = np.where(points, curves.batch_size, 0).max(axis=1, keepdims=True)
    weight = curves.weight * np.where(points, (curves.batch_size / largest) ** (exponent / 2), 0)
    return Curves(curves.batch_size, curves.latency_ms, weight, curves.rank)


def _shape(curves: Curves, fitted: Fit) -> Array:
    """Return ``Curved.shape``; a curve of fewer steps repeats its first one."""
    rows = np.arange(len(curves.weight))[:, None]
    steps = (curves.weight > 0).sum(axis=1)[:, None] - 1
    end = np.maximum(steps - np.arange(_STEPS), 1)
    size, latency = np.log(curves.batch_size), np.log(curves.latency_ms)
    run = size[rows, end] - size[rows, end - 1]
    slopes = (latency[rows, end] - latency[rows, end - 1]) / np.where(run > 0, run, 1)
    last = curves.batch_size[rows, steps]
    fixed = fitted.linear[:, :1] / fitted.predict(last)
    return np.column_stack([fixed, slopes])


def _features(curved: Curved, place: NDArray[np.int64], cells: pd.DataFrame, end: float) -> Array:
    ahead = np.log(cells["batch_size"].to_numpy(float) / end)
    network = residual.log_features(cells.assign(batch_size=1))
    return np.column_stack([ahead, curved.shape[place], network])


def _affine(curved: Curved, place: NDArray[np.int64], cells: pd.DataFrame) -> Array:
    return curved.fitted.part(place).predict(cells[["batch_size"]].to_numpy(float))[:, 0]
