"""How long the rest of a sweep takes, from what the cells so far took."""

from collections.abc import Sequence
from math import isnan
from statistics import fmean, linear_regression


def seconds_left(done: Sequence[tuple[float, float]], ahead: Sequence[float]) -> float | None:
    """Seconds for the cells ahead; None while none is done.

    A cell takes its fixed part and a part in proportion to its cost; both are fitted by least
    squares to the cells done. Where costs are unknown, or do not tell, each takes the mean.

    Args:
        done: cost and seconds of each cell done; a cost is NaN where it is not known.
        ahead: costs of the cells ahead.
    """
    if not done:
        return None
    costs, seconds = zip(*done, strict=True)
    mean_s = fmean(seconds)
    if any(map(isnan, (*costs, *ahead))) or len(set(costs)) < 2:
        return mean_s * len(ahead)
    slope, fixed_s = linear_regression(costs, seconds)
    if fixed_s < 0:
        slope, fixed_s = linear_regression(costs, seconds, proportional=True)
    if slope < 0:
        return mean_s * len(ahead)
    return sum(fixed_s + slope * cost for cost in ahead)
