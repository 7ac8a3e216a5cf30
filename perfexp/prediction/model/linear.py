"""The linear cost model: latency as a non-negative sum of work, per batch and per image.

latency = Σᵢ cᵢ · batch_size^pᵢ · workᵢ with cᵢ ≥ 0 and pᵢ among 0, ½ and 1, minimising the squared
relative error: rows are divided by their latency, then fitted by scipy's non-negative least squares.
Weights are read once per batch (p = 0), activations once per image (p = 1); the half power is for
work whose cost per image falls as a larger batch fills the machine. Terms by kind of layer are
shrunk towards zero beside the totals of all kinds, so that a kind without data costs what layers
cost on average.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls

from perfexp.models.features import KINDS, MULTIPLYING

Array = NDArray[np.float64]
Terms = tuple[tuple[float, tuple[str, ...]], ...]
_MIN_MS = 1e-9
_SHRINKAGE = 2.0
"""The prior's strength, whatever the number of cells: where a fit errs by a fifth, one kind of layer is
expected to make up about a seventh of a latency."""
_TOTALS = ("layers", "params", "macs", "moved")


@dataclass(frozen=True)
class Design:
    """Powers of the batch size, each with the work that it multiplies, and a constant.

    ``shared`` terms are free, those ``by_kind`` are shrunk.
    """

    name: str
    shared: Terms
    by_kind: Terms = ()

    def matrix(self, cells: pd.DataFrame) -> Array:
        """Return one row per cell: the constant, the shared terms, those by kind."""
        size = cells[["batch_size"]].to_numpy(float)
        terms = (*self.shared, *self.by_kind)
        parts = [cells[list(names)].to_numpy(float) * size**power for power, names in terms]
        return np.column_stack([np.ones(len(cells)), *parts])

    @property
    def free(self) -> int:
        """The number of columns, the first ones, that are not shrunk."""
        return 1 + sum(len(names) for _, names in self.shared)


def _each(*wholes: str) -> tuple[str, ...]:
    return tuple(f"{w}_{k}" for w in wholes for k in (MULTIPLYING if w == "macs" else KINDS))


_SHARED: Terms = ((0, ("layers", "params")), (1, ("macs", "moved")))
MACS_ONLY = Design("MACs only", ((1, ("macs",)),))
PLAIN = Design("plain", _SHARED)
FILLING = Design("plain, filling", (*_SHARED, (0.5, _TOTALS)))
BY_KIND = Design(
    "by kind",
    _SHARED,
    (
        (0, _each("layers", "weights")),
        (0.5, (*_TOTALS, *_each("macs", "moved"))),
        (1, _each("macs", "moved")),
    ),
)
MEMORY = Design("memory", ((0, ("params",)), (1, ("largest_layer", "moved"))))


@dataclass(frozen=True)
class CostModel:
    """A design's coefficients, in the unit of the fitted values per unit of each feature."""

    design: Design
    coefficients: Array

    def predict(self, cells: pd.DataFrame) -> Array:
        """Return one positive value per cell, shape ``(N,)``."""
        return np.maximum(self.design.matrix(cells) @ self.coefficients, _MIN_MS)


def with_totals(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with ``macs``, ``moved`` and ``layers``, summed over all kinds of layer."""
    totals = {
        "macs": cells[[f"macs_{kind}" for kind in MULTIPLYING]].sum(axis=1),
        "moved": cells[[f"moved_{kind}" for kind in KINDS]].sum(axis=1),
        "layers": cells[[f"layers_{kind}" for kind in KINDS]].sum(axis=1),
    }
    return cells.assign(**totals)


def fit(design: Design, cells: pd.DataFrame, values: Array) -> CostModel:
    """Fit positive ``values`` of shape ``(N,)``, by least squares of the relative error."""
    matrix = design.matrix(cells) / values[:, None]
    length = np.linalg.norm(matrix, axis=0)
    length[length == 0] = 1
    columns = matrix.shape[1]
    shrinking = np.sqrt(_SHRINKAGE / len(cells)) * np.eye(columns)[design.free :]
    targets = np.concatenate([np.ones(len(cells)), np.zeros(len(shrinking))])
    scaled, _ = nnls(np.vstack([matrix / length, shrinking]), targets, maxiter=100 * columns)
    return CostModel(design, scaled / length)
