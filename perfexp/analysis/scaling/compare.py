"""Fit every form to every curve of latency against batch size, and select one by held-out error."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from perfexp.analysis.scaling import intervals, outliers
from perfexp.analysis.scaling.curves import CurveTable, tabulate
from perfexp.analysis.scaling.forms import AFFINE, FORMS, Array, Form
from perfexp.analysis.scaling.least_squares import Curves, Fit, fit, relative_error, uncertainty

KEYS = ("model", "backend")
MIN_SIZES = 3
_SIGNIFICANCE = 0.05
_RESOLUTION = 1e-4
"""Smaller differences of relative errors are ignored: no clock repeats a latency more closely."""


@dataclass(frozen=True)
class Judged:
    """One form on G curves of up to R batch sizes; errors are fractions.

    Attributes:
        in_sample: mean absolute relative error, shape ``(G,)``.
        errors: mean absolute relative error at each batch size, predicted by a fit without that
            size, shape ``(G, R)``; NaN where a curve has fewer sizes, or too few for the form.
        largest: the error at the largest batch size, shape ``(G,)``.
    """

    fitted: Fit
    in_sample: Array
    errors: Array
    largest: Array

    @property
    def held_out(self) -> Array:
        """Mean error over the held-out batch sizes, shape ``(G,)``."""
        return _mean(self.errors)


@dataclass(frozen=True)
class Scaling:
    """Tables as in :class:`perfexp.analysis.results.Results`.

    ``foreseen`` is the error at the largest batch size when that size took no part in selecting the
    form either, shape ``(G,)``.
    """

    table: pd.DataFrame
    bands: pd.DataFrame
    residuals: pd.DataFrame
    foreseen: Array


def analyse(cells: pd.DataFrame) -> Scaling:
    """Fit and judge all forms, and select one, for every model on every backend.

    Args:
        cells: ``model, family, backend, batch_size, latency_ms``, one row per cell, at least
            ``MIN_SIZES`` batch sizes for each model and backend.
    """
    table = tabulate(cells, KEYS)
    judged = judge(table.curves)
    chosen = choose(judged)
    families = table.points.drop_duplicates(list(KEYS))["family"].to_numpy()
    keys = table.keys.assign(family=families)
    lines = [
        intervals.between(j.fitted, table.curves, keys[list(KEYS)], chosen == i) for i, j in enumerate(judged)
    ]
    return Scaling(
        table=_table(judged, chosen, table.curves, keys),
        bands=pd.concat(lines, ignore_index=True),
        residuals=_residuals(judged, chosen, table),
        foreseen=_foreseen(table.curves),
    )


def judge(curves: Curves) -> list[Judged]:
    """Fit every form of :data:`FORMS` to every curve, with and without each batch size."""
    return [_judge(form, curves) for form in FORMS]


def choose(judged: list[Judged]) -> NDArray[np.int64]:
    """Return the index into :data:`FORMS` of each curve's form, shape ``(G,)``.

    The affine form is kept unless another one predicts held-out batch sizes significantly better,
    by a one-sided paired t-test over the batch sizes at the 5 % level (Student, "The probable error
    of a mean", Biometrika 6, 1908), and the largest batch size better as well. Of several such
    forms the one with the smallest mean error is selected; of equal ones, the one with the fewest
    coefficients.
    """
    held_out = np.stack([j.held_out for j in judged])
    largest = np.stack([j.largest for j in judged])
    gain = judged[0].errors - np.stack([j.errors for j in judged])
    mean, count = _mean(gain), np.isfinite(gain).sum(axis=-1)
    freedom = np.where(count > 1, count - 1, np.nan)
    error = np.sqrt(_mean((gain - mean[..., None]) ** 2) / freedom)
    needed = np.maximum(stats.t.ppf(1 - _SIGNIFICANCE, freedom) * error, _RESOLUTION)
    better = (mean > needed) & (largest < largest[0] - _RESOLUTION)
    candidates = np.where(better, held_out, np.inf)
    candidates[0] = held_out[0]
    equal = candidates <= candidates.min(axis=0) + _RESOLUTION
    coefficients = np.array([[len(j.fitted.form.names)] for j in judged])
    return np.asarray(np.where(equal, coefficients, np.inf).argmin(axis=0))


def _judge(form: Form, curves: Curves) -> Judged:
    fitted = fit(form, curves)
    sizes = curves.sizes
    enough = sizes > len(form.names)
    errors = np.full((len(sizes), int(sizes.max(initial=0))), np.nan)
    for rank in range(errors.shape[1]):
        rows = enough & (sizes > rank)
        if rows.any():
            part = curves.part(rows)
            without = fit(form, part.without(np.full(len(part.weight), rank)))
            errors[rows, rank] = _error_at(without, part, np.full(len(part.weight), rank))
    in_sample = np.where(enough, _mean(np.abs(relative_error(fitted, curves))), np.nan)
    return Judged(fitted, in_sample, errors, errors[np.arange(len(sizes)), sizes - 1])


def _error_at(fitted: Fit, curves: Curves, rank: NDArray[np.int64]) -> Array:
    """Return the mean absolute relative error at one batch size of each curve, shape ``(G,)``."""
    error = np.abs(relative_error(fitted, curves))
    return _mean(np.where(curves.rank == rank[:, None], error, np.nan))


def _mean(values: Array) -> Array:
    """Return the mean over the last axis without NaN; NaN where there is no value."""
    count = np.isfinite(values).sum(axis=-1)
    return np.asarray(np.nansum(values, axis=-1) / np.where(count > 0, count, np.nan))


def _foreseen(curves: Curves) -> Array:
    """Select a form without the largest batch size, and return its error there; NaN below four sizes."""
    error = np.full(len(curves.weight), np.nan)
    rows = curves.sizes > MIN_SIZES
    if not rows.any():
        return error
    part = curves.part(rows)
    last = part.sizes - 1
    judged = judge(part.without(last))
    seen = np.stack([_error_at(j.fitted, part, last) for j in judged])
    error[rows] = seen[choose(judged), np.arange(len(last))]
    return error


def _table(
    judged: list[Judged], chosen: NDArray[np.int64], curves: Curves, keys: pd.DataFrame
) -> pd.DataFrame:
    parts = []
    for index, one in enumerate(judged):
        part = keys[["model", "family", "backend"]].assign(form=one.fitted.form.name)
        values, low, high = intervals.coefficients(one.fitted, curves)
        names = one.fitted.form.names
        part["params"] = [json.dumps(dict(zip(names, row, strict=True))) for row in values.tolist()]
        part["intervals"] = [
            json.dumps({n: [_null(a), _null(b)] for n, a, b in zip(names, *row, strict=True)})
            for row in zip(low.tolist(), high.tolist(), strict=True)
        ]
        part["mape_in_sample"] = one.in_sample
        part["mape_held_out"] = one.held_out
        part["ape_largest_batch"] = one.largest
        part["selected"] = chosen == index
        if one.fitted.form is AFFINE:
            fixed, marginal = values[:, 0], values[:, 1]
            part["fixed_ms"], part["marginal_ms"] = fixed, marginal
            part["half_peak_batch_size"] = fixed / np.where(marginal > 0, marginal, np.nan)
        parts.append(part[np.isfinite(one.in_sample)])
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["backend", "model"], kind="stable", ignore_index=True)


def _null(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _residuals(judged: list[Judged], chosen: NDArray[np.int64], table: CurveTable) -> pd.DataFrame:
    """Return the selected fits' errors, standardised by a robust scale over all curves of the backend.

    Outliers are judged by the scale of the affine fits, whichever form was selected.
    """
    curves = table.curves
    predicted, leverage = np.empty(curves.weight.shape), np.empty(curves.weight.shape)
    for index, one in enumerate(judged):
        rows = chosen == index
        predicted[rows] = one.fitted.predict(curves.batch_size)[rows]
        leverage[rows] = uncertainty(one.fitted, curves).relative(curves.batch_size)[rows]
    columns = ["model", "family", "backend", "batch_size"]
    frame = table.points[columns].assign(measured_ms=table.points["latency_ms"])
    frame["predicted_ms"] = table.at_points(predicted)
    frame["relative_error"] = frame["predicted_ms"] / frame["measured_ms"] - 1
    scaled, typical = _scaled(frame["relative_error"], leverage, table)
    frame["standardised"] = scaled / typical.where(typical > 0)
    affine = judged[0].fitted
    error = table.at_points(affine.predict(curves.batch_size)) / frame["measured_ms"] - 1
    _, typical = _scaled(error, uncertainty(affine, curves).relative(curves.batch_size), table)
    of_curve = typical.to_numpy()[table.place == 0]
    frame["outlier"] = outliers.find(curves, of_curve)[table.row, table.place]
    return frame


def _scaled(
    error: "pd.Series[float]", leverage: Array, table: CurveTable
) -> tuple["pd.Series[float]", "pd.Series[float]"]:
    """Return each point's error corrected for its leverage, and the robust scale of its backend."""
    scaled: pd.Series[float] = error / np.sqrt(np.maximum(1 - table.at_points(leverage) ** 2, 0.05))
    medians = scaled.abs().groupby(table.points["backend"], observed=True)
    return scaled, medians.transform("median") * outliers.NORMAL
