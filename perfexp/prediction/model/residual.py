"""What physics leaves over, learned: small models of the log residual over log features.

A correction never goes beyond the residuals it has learned from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.preprocessing import StandardScaler

from perfexp.models.features import KINDS, MULTIPLYING
from perfexp.prediction.model import gaussian_process
from perfexp.prediction.model.linear import Array

_SIZES = ("batch_size", "macs", "moved", "layers", "params", "largest_layer")
_TREES = 50


class Regressor(Protocol):
    """The part of scikit-learn's interface that is used."""

    def predict(self, features: Array) -> Array:
        """One value a row."""


@dataclass(frozen=True)
class Correction:
    """Learned log residuals; ``regressor`` None corrects nothing."""

    regressor: Regressor | None
    low: float
    high: float

    def factor(self, cells: pd.DataFrame) -> Array:
        """What a physical prediction is to be multiplied by, shape ``(N,)``."""
        if self.regressor is None:
            return np.ones(len(cells))
        return np.asarray(np.exp(np.clip(self.regressor.predict(log_features(cells)), self.low, self.high)))


def log_features(cells: pd.DataFrame) -> Array:
    """How large a network is, on log scales, and how its work divides among kinds of layer."""
    sizes = [np.log(np.maximum(cells[name].to_numpy(float), 1)) for name in _SIZES]
    shares = [
        cells[f"{what}_{kind}"].to_numpy(float) / np.maximum(cells[what].to_numpy(float), 1)
        for what, kinds in (("macs", MULTIPLYING), ("moved", KINDS), ("layers", KINDS))
        for kind in kinds
    ]
    return np.column_stack([*sizes, *shares])


def learn(name: str, cells: pd.DataFrame, log_residual: Array, seed: int) -> Correction:
    """Fit the correction called ``name`` to residuals of shape ``(N,)``."""
    learner = LEARNERS[name]
    regressor = learner(log_features(cells), log_residual, seed) if learner else None
    return Correction(regressor, float(log_residual.min()), float(log_residual.max()))


def trees(features: Array, values: Array, seed: int) -> Regressor:
    """A forest of small trees of values of shape ``(N,)``."""
    forest = ExtraTreesRegressor(_TREES, min_samples_leaf=3, max_features=0.5, random_state=seed)
    fitted: Regressor = forest.fit(features, values)
    return fitted


@dataclass(frozen=True)
class Smooth:
    """A Gaussian process over log features as they come."""

    scaler: StandardScaler
    process: gaussian_process.Process

    def predict(self, features: Array) -> Array:
        """The mean log residual, shape ``(N,)``."""
        return self.process.predict(_inputs(self.scaler, features))

    def spread(self, features: Array) -> Array:
        """The standard deviation of a new cell's log residual, shape ``(N,)``."""
        return self.process.spread(_inputs(self.scaler, features))


def smooth(features: Array, values: Array, seed: int) -> Smooth:
    """Fit a Gaussian process to values of shape ``(N,)``."""
    scaler = StandardScaler().fit(features)
    return Smooth(scaler, gaussian_process.fit(_inputs(scaler, features), values, seed))


def inputs_of(features: Array) -> gaussian_process.Inputs:
    """A set of cells, standardised by itself, as a process takes them."""
    return _inputs(StandardScaler().fit(features), features)


def _inputs(scaler: StandardScaler, features: Array) -> gaussian_process.Inputs:
    scaled = scaler.transform(features)
    return gaussian_process.Inputs(scaled[:, :1], scaled[:, 1 : len(_SIZES)], scaled[:, len(_SIZES) :])


LEARNERS: Mapping[str, Callable[[Array, Array, int], Regressor] | None] = {
    "none": None,
    "trees": trees,
    "process": smooth,
}
