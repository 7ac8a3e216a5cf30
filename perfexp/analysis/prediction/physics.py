"""Latency as physics has it: a fixed and a marginal cost, each a non-negative sum of work done.

latency = Σ cᵢ · fixedᵢ + batch_size · Σ mⱼ · marginalⱼ, with c, m ≥ 0, minimising the squared
relative error: rows are divided by their latency, then scipy's non-negative least squares.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls

from perfexp.features import KINDS, MULTIPLYING

Array = NDArray[np.float64]
_LEAST_MS = 1e-9


@dataclass(frozen=True)
class Design:
    """Which features the fixed and the marginal cost are sums of; a constant is always there."""

    name: str
    fixed: tuple[str, ...]
    marginal: tuple[str, ...]

    def matrix(self, cells: pd.DataFrame) -> Array:
        """One row a cell: the constant, the fixed features, the marginal ones times the batch size."""
        fixed = cells[list(self.fixed)].to_numpy(float)
        marginal = cells[list(self.marginal)].to_numpy(float) * cells[["batch_size"]].to_numpy(float)
        return np.column_stack([np.ones(len(cells)), fixed, marginal])

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the matrix' columns."""
        return ("constant", *self.fixed, *(f"batch_size·{name}" for name in self.marginal))


MACS_ONLY = Design("MACs only", (), ("macs",))
PLAIN = Design("plain", ("layers", "params"), ("macs", "moved"))
BY_KIND = Design(
    "by kind",
    (*(f"layers_{kind}" for kind in KINDS), "params"),
    (*(f"macs_{kind}" for kind in MULTIPLYING), *(f"moved_{kind}" for kind in KINDS)),
)
MEMORY = Design("memory", ("params",), ("largest_layer", "moved"))


@dataclass(frozen=True)
class Physics:
    """A design's coefficients, in the unit of what was fitted per unit of each feature."""

    design: Design
    coefficients: Array

    def predict(self, cells: pd.DataFrame) -> Array:
        """One positive value a cell, shape ``(N,)``."""
        return np.maximum(self.design.matrix(cells) @ self.coefficients, _LEAST_MS)


def with_totals(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells with ``macs``, ``moved`` and ``layers``, summed over all kinds of layer."""
    totals = {
        "macs": cells[[f"macs_{kind}" for kind in MULTIPLYING]].sum(axis=1),
        "moved": cells[[f"moved_{kind}" for kind in KINDS]].sum(axis=1),
        "layers": cells[[f"layers_{kind}" for kind in KINDS]].sum(axis=1),
    }
    return cells.assign(**totals)


def fit(design: Design, cells: pd.DataFrame, values: Array) -> Physics:
    """The coefficients that predict ``values``, of shape ``(N,)`` and positive, best in relative error."""
    matrix = design.matrix(cells) / values[:, None]
    length = np.linalg.norm(matrix, axis=0)
    length[length == 0] = 1
    scaled, _ = nnls(matrix / length, np.ones(len(cells)), maxiter=100 * matrix.shape[1])
    return Physics(design, scaled / length)
