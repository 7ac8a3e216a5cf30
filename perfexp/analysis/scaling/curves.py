"""Convert tables of latencies to padded curves, and back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.scaling.least_squares import Curves


@dataclass(frozen=True)
class CurveTable:
    """Curves with their names.

    Attributes:
        keys: one row per curve.
        curves: their points, sorted by batch size.
        points: the original table, sorted so that its row ``i`` is ``curves…[row[i], place[i]]``.
    """

    keys: pd.DataFrame
    curves: Curves
    points: pd.DataFrame
    row: NDArray[np.int64]
    place: NDArray[np.int64]

    def at_points(self, padded: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return an array ``(G, N)`` as one value per point."""
        return padded[self.row, self.place]

    def places(self, rows: pd.DataFrame) -> NDArray[np.int64]:
        """Return the curve of each row by its keys, shape ``(R,)``; −1 where there is none."""
        places = self.keys.assign(place=np.arange(len(self.keys)))
        found = rows[list(self.keys)].merge(places, how="left")["place"].fillna(-1)
        return found.to_numpy(np.int64)


def tabulate(frame: pd.DataFrame, keys: Sequence[str]) -> CurveTable:
    """Make a curve of each combination of ``keys`` in a table with ``batch_size`` and ``latency_ms``.

    Where the table has the column ``weight``, its points count by it.
    """
    points = frame.sort_values([*keys, "batch_size"], ignore_index=True)
    groups = points.groupby(list(keys), sort=True, observed=True)
    row = groups.ngroup().to_numpy().astype(np.int64)
    place = groups.cumcount().to_numpy().astype(np.int64)
    shape = (int(row.max(initial=-1)) + 1, int(place.max(initial=-1)) + 1)
    rank = groups["batch_size"].rank(method="dense").to_numpy().astype(np.int64) - 1
    curves = Curves(np.ones(shape), np.ones(shape), np.zeros(shape), np.zeros(shape, dtype=np.int64))
    curves.batch_size[row, place] = points["batch_size"]
    curves.latency_ms[row, place] = points["latency_ms"]
    curves.weight[row, place] = points.get("weight", 1.0)
    curves.rank[row, place] = rank
    first = points[place == 0]
    return CurveTable(first[list(keys)].reset_index(drop=True), curves, points, row, place)
