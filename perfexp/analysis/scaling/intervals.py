"""Uncertainty of a fit: intervals of its coefficients, bands around its curve."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.scaling.forms import Array
from perfexp.analysis.scaling.least_squares import Curves, Fit, uncertainty

_LEVEL = 0.95
_BAND_POINTS = 25


def coefficients(fitted: Fit, curves: Curves) -> tuple[Array, Array, Array]:
    """Return the coefficients and their 95 % confidence limits, each of shape ``(G, P)``."""
    sure = uncertainty(fitted, curves)
    half = np.sqrt(np.diagonal(sure.covariance, axis1=1, axis2=2)) * sure.scale[:, None]
    half = half * sure.quantile(_LEVEL)[:, None]
    values = fitted.coefficients
    return values, values - half, values + half


def between(fitted: Fit, curves: Curves, keys: pd.DataFrame, rows: NDArray[np.bool_]) -> pd.DataFrame:
    """Return the fit between each curve's smallest and largest batch size, with its bands."""
    part, names = curves.part(rows), keys[rows]
    points = part.weight > 0
    low = np.log(np.where(points, part.batch_size, np.inf).min(axis=1, initial=np.inf))
    high = np.log(np.where(points, part.batch_size, 0).max(axis=1, initial=1))
    sizes = np.exp(low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _BAND_POINTS))
    found = limits(fitted.part(rows), part, sizes)
    columns = {name: values.ravel() for name, values in found.items()}
    repeated = names.loc[names.index.repeat(_BAND_POINTS)].reset_index(drop=True)
    return repeated.assign(form=fitted.form.name, batch_size=sizes.ravel(), **columns)


def limits(fitted: Fit, curves: Curves, batch_size: Array) -> Mapping[str, Array]:
    """Return the prediction in ms and its 95 % bands at batch sizes ``(G, N)``, by the delta method.

    Errors are multiplicative: limits are ŷ · exp(±t · s), where s is the relative standard error of
    the curve (confidence) or of a new measurement on it (prediction).
    """
    sure = uncertainty(fitted, curves)
    predicted = fitted.predict(batch_size)
    leverage = sure.relative(batch_size)
    half_width = (sure.quantile(_LEVEL) * sure.scale)[:, None]
    found = {"predicted_ms": predicted}
    with np.errstate(over="ignore"):
        for name, spread in (("confidence", leverage), ("prediction", np.sqrt(1 + leverage**2))):
            found[f"{name}_low_ms"] = predicted * np.exp(-half_width * spread)
            found[f"{name}_high_ms"] = predicted * np.exp(half_width * spread)
    return found
