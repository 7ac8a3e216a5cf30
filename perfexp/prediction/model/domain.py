"""Which networks are equal or similar: duplicate models, and the applicability domain of a training set."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from perfexp.models.features import MULTIPLYING
from perfexp.prediction.model.linear import Array
from perfexp.prediction.model.residual import log_features

_SHARE = 0.95
_TOLERANCE = 0.01


@dataclass(frozen=True)
class Domain:
    """The applicability domain: the networks of a training set, and its range of batch sizes.

    A query is inside when its batch size is within the range, and its network no farther from the
    nearest one than 95 % of the training set's networks are from theirs.
    """

    scaler: StandardScaler
    neighbours: NearestNeighbors
    max_distance: float
    batch_sizes: tuple[float, float]

    def contains(self, cells: pd.DataFrame) -> NDArray[np.bool_]:
        """Return whether each cell is inside, shape ``(N,)``."""
        distance, _ = self.neighbours.kneighbors(self.scaler.transform(_network(cells)), n_neighbors=1)
        batch = cells["batch_size"].to_numpy(float)
        low, high = self.batch_sizes
        return np.asarray((distance[:, 0] <= self.max_distance) & (low <= batch) & (batch <= high))


def fit(cells: pd.DataFrame) -> Domain:
    """Return the domain of a training set of at least two networks."""
    networks = np.unique(_network(cells), axis=0)
    scaler = StandardScaler().fit(networks)
    neighbours = NearestNeighbors().fit(scaler.transform(networks))
    distance, _ = neighbours.kneighbors(scaler.transform(networks), n_neighbors=min(2, len(networks)))
    batch = cells["batch_size"]
    limit = float(np.quantile(distance[:, -1], _SHARE))
    return Domain(scaler, neighbours, limit, (batch.min(), batch.max()))


def _network(cells: pd.DataFrame) -> Array:
    return log_features(cells.assign(batch_size=1))


def duplicates(cells: pd.DataFrame) -> NDArray[np.str_]:
    """Return each cell's group of duplicate models, shape ``(N,)``, named by its first model.

    Two models are duplicates when at some input size their multiply-accumulates, kind by kind,
    differ by at most 1 % of their sum: VGG-16 with and without BatchNorm, a ResNet-50 with another
    normalisation. One must not be predicted from the other. All input and batch sizes of a model
    are in one group.
    """
    models = cells["model"].to_numpy(str)
    names, of_cell = np.unique(models, return_inverse=True)
    columns = [f"macs_{kind}" for kind in MULTIPLYING]
    works = cells[columns].assign(place=of_cell).drop_duplicates()
    macs = works[columns].to_numpy(float)
    total = macs.sum(axis=1)
    order = np.argsort(total, kind="stable")
    macs, total, place = macs[order], total[order], works["place"].to_numpy()[order]
    ends = np.searchsorted(total, total * (1 + _TOLERANCE), side="right")
    first: list[int] = []
    second: list[int] = []
    for row, end in enumerate(ends):
        close = np.abs(macs[row + 1 : end] - macs[row]).sum(axis=1) <= _TOLERANCE * total[row]
        found = np.flatnonzero(close) + row + 1
        first.extend([place[row]] * len(found))
        second.extend(place[found])
    ones = np.ones(len(first))
    _, component = connected_components(csr_array((ones, (first, second)), shape=(len(names),) * 2))
    leader = {part: names[np.flatnonzero(component == part)[0]] for part in np.unique(component)}
    return np.array([leader[component[place]] for place in of_cell])
