"""Intervals of proportions."""

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


def wilson(
    count: NDArray[np.int64], total: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % Wilson score interval of proportions, in percent (E. B. Wilson, JASA 22, 1927)."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, total, alpha=1 - CONFIDENCE, method="wilson")
    return 100 * np.asarray(low), 100 * np.asarray(high)
