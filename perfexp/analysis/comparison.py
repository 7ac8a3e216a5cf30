"""Compare models: the Pareto frontier of two metrics, and the interval of a proportion."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perfexp.analysis.scaling.forms import Array
from perfexp.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd


def wilson(count: NDArray[np.int64], total: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return the 95 % Wilson score interval of proportions, in percent (E. B. Wilson, JASA 22, 1927)."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, total, alpha=0.05, method="wilson")
    return 100 * np.asarray(low), 100 * np.asarray(high)


def frontier(table: "pd.DataFrame", first: str, second: str) -> NDArray[np.bool_]:
    """Return the rows that no other row beats: better in one metric and no worse in the other.

    Of rows that are equal in both, one is returned.

    Args:
        table: one row per model.
        first, second: columns named as in :data:`perfexp.metrics.METRICS`, which says whether more
            or less is better.
    """
    one, other = (
        table[name].to_numpy(dtype=float) * (1 if METRICS[name].higher_is_better else -1)
        for name in (first, second)
    )
    order = np.lexsort((-other, -one))
    before = np.concatenate(([-np.inf], np.maximum.accumulate(other[order])[:-1]))
    best = np.zeros(len(table), dtype=bool)
    best[order] = other[order] > before
    return best
