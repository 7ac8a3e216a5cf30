"""Whether a query lies among what was learned from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from perfexp.prediction.model.linear import Array
from perfexp.prediction.model.residual import log_features

_SHARE = 0.95


@dataclass(frozen=True)
class Support:
    """The networks of a training set, and its range of batch sizes.

    A query is inside when its batch size is within the range, and its network no farther from the
    nearest one than 95 % of the training set's networks are from theirs.
    """

    scaler: StandardScaler
    near: NearestNeighbors
    farthest: float
    batch_sizes: tuple[float, float]

    def holds(self, cells: pd.DataFrame) -> NDArray[np.bool_]:
        """One answer a cell, shape ``(N,)``."""
        distance, _ = self.near.kneighbors(self.scaler.transform(_network(cells)), n_neighbors=1)
        batch = cells["batch_size"].to_numpy(float)
        low, high = self.batch_sizes
        return np.asarray((distance[:, 0] <= self.farthest) & (low <= batch) & (batch <= high))


def learn(cells: pd.DataFrame) -> Support:
    """The support of a training set of two networks or more."""
    networks = np.unique(_network(cells), axis=0)
    scaler = StandardScaler().fit(networks)
    near = NearestNeighbors().fit(scaler.transform(networks))
    distance, _ = near.kneighbors(scaler.transform(networks), n_neighbors=min(2, len(networks)))
    batch = cells["batch_size"]
    return Support(scaler, near, float(np.quantile(distance[:, -1], _SHARE)), (batch.min(), batch.max()))


def _network(cells: pd.DataFrame) -> Array:
    return log_features(cells.assign(batch_size=1))
