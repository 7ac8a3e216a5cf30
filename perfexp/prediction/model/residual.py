"""Residual models: regressions of the linear cost model's log residual on log features."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.preprocessing import StandardScaler

from perfexp.models.features import KINDS, MULTIPLYING
from perfexp.prediction.model import gaussian_process
from perfexp.prediction.model.linear import Array

_SIZES = ("batch_size", "macs", "moved", "layers", "params", "largest_layer")
_TREES = 50
Regression = Callable[[Array], Array]
"""From features ``(N, F)`` to values ``(N,)``."""


def log_features(cells: pd.DataFrame) -> Array:
    """Return each network's size on log scales, and the shares of its work by kind of layer."""
    sizes = [np.log(np.maximum(cells[name].to_numpy(float), 1)) for name in _SIZES]
    shares = [
        cells[f"{what}_{kind}"].to_numpy(float) / np.maximum(cells[what].to_numpy(float), 1)
        for what, kinds in (("macs", MULTIPLYING), ("moved", KINDS), ("layers", KINDS))
        for kind in kinds
    ]
    return np.column_stack([*sizes, *shares])


def trees(features: Array, values: Array, seed: int) -> Regression:
    """Fit a forest of small trees to values of shape ``(N,)``."""
    forest = ExtraTreesRegressor(_TREES, min_samples_leaf=3, max_features=0.5, random_state=seed)
    fitted: Regression = forest.fit(features, values).predict
    return fitted


def process(features: Array, values: Array, seed: int) -> Regression:
    """Fit a Gaussian process to values of shape ``(N,)``."""
    scaler = StandardScaler().fit(features)
    fitted = gaussian_process.fit(_inputs(scaler, features), values, seed)
    return lambda queries: fitted.predict(_inputs(scaler, queries))


def inputs_of(features: Array) -> gaussian_process.Inputs:
    """Return the inputs of a Gaussian process, standardised over these cells."""
    return _inputs(StandardScaler().fit(features), features)


def _inputs(scaler: StandardScaler, features: Array) -> gaussian_process.Inputs:
    scaled = scaler.transform(features)
    return gaussian_process.Inputs(scaled[:, :1], scaled[:, 1 : len(_SIZES)], scaled[:, len(_SIZES) :])


LEARNERS: Mapping[str, Callable[[Array, Array, int], Regression] | None] = {
    "none": None,
    "trees": trees,
    "process": process,
}
