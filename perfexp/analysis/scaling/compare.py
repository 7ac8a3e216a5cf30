"""Latency against batch size: every form on every curve, judged on batch sizes it has not seen."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.scaling import intervals, outliers
from perfexp.analysis.scaling.curves import CurveTable, tabulate
from perfexp.analysis.scaling.forms import AFFINE, FORMS, Array, Form
from perfexp.analysis.scaling.least_squares import Curves, Fit, fit, relative_error, uncertainty

KEYS = ("model", "backend")
MIN_SIZES = 3
MARGIN = 0.5


@dataclass(frozen=True)
class Judged:
    """One form on G curves; errors are fractions, NaN where a form has too many coefficients.

    Attributes:
        in_sample: mean absolute relative error, shape ``(G,)``.
        held_out: the same, each batch size predicted by a fit without it.
        largest: at the largest batch size, from a fit without it.
    """

    fitted: Fit
    in_sample: Array
    held_out: Array
    largest: Array


@dataclass(frozen=True)
class Scaling:
    """Tables as in :class:`perfexp.analysis.results.Results`.

    ``foreseen`` is the error at the largest batch size when that size took no part in choosing the
    form either, shape ``(G,)``.
    """

    table: pd.DataFrame
    bands: pd.DataFrame
    residuals: pd.DataFrame
    foreseen: Array


def analyse(cells: pd.DataFrame) -> Scaling:
    """Fit, judge and choose for every model on every backend.

    Args:
        cells: ``model, family, backend, batch_size, latency_ms``, one row a cell, at least
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
    """Every form of :data:`FORMS` on every curve."""
    return [_judge(form, curves) for form in FORMS]


def choose(judged: list[Judged]) -> NDArray[np.int64]:
    """Index into :data:`FORMS` for each curve, shape ``(G,)``.

    Affine is kept unless another form's error is at most half of its own, both over all held-out
    batch sizes and at the largest; of several such forms, the one with the smallest held-out error
    is taken. A curve of few points cannot tell forms apart by less: without this margin the choice
    predicts unseen batch sizes worse than affine everywhere.
    """
    held_out = np.stack([j.held_out for j in judged])
    largest = np.stack([j.largest for j in judged])
    beats = (held_out < MARGIN * held_out[0]) & (largest < MARGIN * largest[0])
    beats[0] = True
    return np.asarray(np.where(beats, np.nan_to_num(held_out, nan=np.inf), np.inf).argmin(axis=0))


def _judge(form: Form, curves: Curves) -> Judged:
    fitted = fit(form, curves)
    held_out = np.full(curves.weight.shape, np.nan)
    sizes = curves.sizes
    enough = sizes > len(form.names)
    for rank in range(int(sizes.max(initial=0))):
        held = (curves.rank == rank) & (curves.weight > 0) & enough[:, None]
        rows = held.any(axis=1)
        if rows.any():
            part = curves.part(rows)
            without = fit(form, part.without(np.full(len(part.weight), rank)))
            error = np.abs(relative_error(without, part))
            held_out[held] = error[held[rows]]
    of_largest = np.where(curves.rank == (sizes - 1)[:, None], held_out, np.nan)
    in_sample = np.where(enough, _mean(np.abs(relative_error(fitted, curves))), np.nan)
    return Judged(fitted, in_sample, _mean(held_out), _mean(of_largest))


def _mean(errors: Array) -> Array:
    """Mean over what is there, row by row; NaN where nothing is."""
    count = np.isfinite(errors).sum(axis=1)
    return np.asarray(np.nansum(errors, axis=1) / np.where(count > 0, count, np.nan))


def _foreseen(curves: Curves) -> Array:
    """Choose without the largest batch size, then predict it; NaN with fewer than four sizes."""
    error = np.full(len(curves.weight), np.nan)
    rows = curves.sizes > MIN_SIZES
    if not rows.any():
        return error
    part = curves.part(rows)
    last = part.sizes - 1
    judged = judge(part.without(last))
    at_last = np.where(part.rank == last[:, None], part.weight, 0)
    seen = [_mean(np.where(at_last > 0, np.abs(relative_error(j.fitted, part)), np.nan)) for j in judged]
    error[rows] = np.stack(seen)[choose(judged), np.arange(len(last))]
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
    """Errors of the chosen fits; standardised by a robust scale over all curves of the backend."""
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
    freed = np.sqrt(np.maximum(1 - table.at_points(leverage) ** 2, 0.05))
    scaled: pd.Series[float] = frame["relative_error"] / freed
    typical = scaled.abs().groupby(frame["backend"], observed=True).transform("median") * outliers.NORMAL
    frame["standardised"] = scaled / typical.where(typical > 0)
    of_curve = typical.to_numpy()[table.place == 0]
    frame["outlier"] = outliers.find(curves, of_curve)[table.row, table.place]
    return frame
