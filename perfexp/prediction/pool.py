"""The candidate cells of one backend, and what the measured ones predict of the others."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.prediction.model import gaussian_process, linear
from perfexp.prediction.model.backend_model import MIN_MODELS
from perfexp.prediction.model.ensemble import CANDIDATES, MIN_GROUPS, fit, predict_logs
from perfexp.prediction.model.linear import BY_KIND, Array
from perfexp.prediction.model.residual import inputs_of, log_features

_LEARNERS = tuple(candidate for candidate in CANDIDATES if candidate.residual == "process")
"""Averaged: a few cells do not show which is better."""
_GROWTH = 1.1
"""The process is fitted again when its cells have grown by this factor."""


@dataclass
class Pool:
    """All cells that can be measured on one backend, and their latencies so far.

    Attributes:
        cells: features and totals, ``model, family, batch_size``.
        latency_ms: NaN for unmeasured cells, shape ``(N,)``.
        failed: cells whose run failed, shape ``(N,)``.
    """

    cells: pd.DataFrame
    latency_ms: Array
    failed: NDArray[np.bool_]
    seed: int = 0
    _scales: Array = field(default_factory=gaussian_process.TYPICAL.copy)
    _covariance: Array = field(default_factory=lambda: np.empty((0, 0)))
    _fitted_on: int = 0

    @classmethod
    def of(cls, cells: pd.DataFrame, seed: int = 0) -> "Pool":
        """Return a pool without measurements."""
        return cls(
            cells.reset_index(drop=True), np.full(len(cells), np.nan), np.zeros(len(cells), bool), seed
        )

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether each cell was measured, shape ``(N,)``."""
        return np.isfinite(self.latency_ms)

    def variance(self) -> Array:
        """Return the variance of each cell's log latency, less noise, shape ``(N,)``; −inf if not open.

        A failed run counts as a measurement: similar cells would probably fail too.
        """
        self._refit()
        known = np.flatnonzero(~self.open)
        left = self._covariance.diagonal()
        if len(known):
            across = self._covariance[:, known]
            inner = across[known] + np.exp(2 * self._scales[gaussian_process.NOISE]) * np.eye(len(known))
            left = left - (across * np.linalg.solve(inner, across.T).T).sum(axis=1)
        return np.where(self.open, np.maximum(left, 0), -np.inf)

    @property
    def open(self) -> NDArray[np.bool_]:
        """Whether each cell can still be measured, shape ``(N,)``."""
        return ~self.known & ~self.failed

    def predict(self, without: "NDArray[np.bool_] | None" = None) -> Array:
        """Predict the latency of every cell in ms from those known and not in ``without``, shape ``(N,)``."""
        learned = self.known if without is None else self.known & ~without
        train = self.cells[learned].assign(latency_ms=self.latency_ms[learned])
        logs = predict_logs(fit(_LEARNERS, train, self.seed), self.cells)
        return np.asarray(np.exp(logs.mean(axis=0)))

    def by_family(self) -> Array:
        """Predict every cell without the runs of its family, shape ``(N,)``; NaN with too few models."""
        families = self.cells["family"].to_numpy(str)
        measured = self.cells[self.known]
        few = measured["model"].nunique() < MIN_MODELS or measured["family"].nunique() <= MIN_GROUPS
        found = np.full(len(self.cells), np.nan)
        for family in () if few else np.unique(families):
            own = families == family
            found[own] = self.predict(own)[own]
        return found

    def error_percent(self) -> float:
        """Return the median absolute error of the measured cells, each predicted without its family."""
        found, known = self.by_family(), self.known
        if np.isnan(found).all():
            return float("nan")
        return float(100 * np.median(np.abs(found[known] / self.latency_ms[known] - 1)))

    def learn(self, cell: int, latency_ms: float | None) -> None:
        """Add the result of a run; None where it failed, and the cell is not tried again."""
        if latency_ms is None:
            self.failed[cell] = True
        else:
            self.latency_ms[cell] = latency_ms

    def _refit(self) -> None:
        count = int(self.known.sum())
        features = inputs_of(log_features(self.cells))
        if count >= MIN_MODELS and count >= _GROWTH * self._fitted_on:
            train, latency = self.cells[self.known], self.latency_ms[self.known]
            left = np.log(latency / linear.fit(BY_KIND, train, latency).predict(train))
            self._scales = gaussian_process.fit(
                features.part(np.flatnonzero(self.known)), left, self.seed
            ).scales
            self._fitted_on, self._covariance = count, np.empty((0, 0))
        if not self._covariance.size:
            self._covariance = gaussian_process.covariance(features, self._scales)
