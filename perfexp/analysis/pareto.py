"""The Pareto frontier of models by two metrics."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.analysis.scaling.forms import Array
from perfexp.metrics import METRICS


def frontier(table: pd.DataFrame, first: str, second: str) -> NDArray[np.bool_]:
    """Return the rows that no other row beats: better in one metric and no worse in the other.

    Of rows that are equal in both, one is returned.

    Args:
        table: one row per model.
        first, second: columns named as in :data:`perfexp.metrics.METRICS`, which says whether more
            or less is better.
    """
    one, other = _gain(table, first), _gain(table, second)
    order = np.lexsort((-other, -one))
    before = np.concatenate(([-np.inf], np.maximum.accumulate(other[order])[:-1]))
    best = np.zeros(len(table), dtype=bool)
    best[order] = other[order] > before
    return best


def _gain(table: pd.DataFrame, name: str) -> Array:
    values = table[name].to_numpy(dtype=float)
    return values if METRICS[name].higher_is_better else -values
