"""What physics leaves over, learned: small models of the log residual over log features.

A correction never goes beyond the residuals it has learned from.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from perfexp.analysis.prediction.physics import Array
from perfexp.features import KINDS, MULTIPLYING

_SIZES = ("batch_size", "macs", "moved", "layers", "params", "largest_layer")
_TREES = 100
_KERNEL_CELLS = 200


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
    sizes = [np.log(cells[name].to_numpy(float) + 1) for name in _SIZES]
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


def _ridge(features: Array, values: Array, _seed: int) -> Regressor:
    fitted: Regressor = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13))).fit(features, values)
    return fitted


def _trees(features: Array, values: Array, seed: int) -> Regressor:
    forest = ExtraTreesRegressor(_TREES, min_samples_leaf=3, max_features=0.5, random_state=seed)
    fitted: Regressor = forest.fit(features, values)
    return fitted


def _process(features: Array, values: Array, seed: int) -> Regressor:
    """A Gaussian process; its kernel is found on a sample, then all cells take part."""
    scaler = StandardScaler().fit(features)
    scaled = scaler.transform(features)
    start = ConstantKernel(0.1) * Matern(5.0, (0.5, 100), nu=1.5) + WhiteKernel(0.01)
    some = np.random.default_rng(seed).permutation(len(values))[:_KERNEL_CELLS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a kernel at its bound is an answer too
        kernel = GaussianProcessRegressor(start).fit(scaled[some], values[some]).kernel_
    process = GaussianProcessRegressor(kernel, optimizer=None).fit(scaled, values)
    fitted: Regressor = make_pipeline(scaler, process)
    return fitted


LEARNERS: Mapping[str, Callable[[Array, Array, int], Regressor] | None] = {
    "none": None,
    "ridge": _ridge,
    "trees": _trees,
    "process": _process,
}
