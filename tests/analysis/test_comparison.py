import numpy as np
import pandas as pd

from perfexp.analysis.comparison import frontier


def test_the_frontier_is_what_no_other_point_beats() -> None:
    rng = np.random.default_rng(1)
    cost, gain = rng.integers(0, 12, 80), rng.integers(0, 12, 80)

    def beaten(i: int) -> bool:
        no_worse = (cost <= cost[i]) & (gain >= gain[i])
        return bool((no_worse & ((cost < cost[i]) | (gain > gain[i]))).any())

    best = frontier(pd.DataFrame({"macs": cost, "published_top1": gain}), "macs", "published_top1")
    assert not any(beaten(i) for i in np.flatnonzero(best))
    outside = [(c, g) for c, g, kept in zip(cost, gain, best, strict=True) if not kept]
    kept = set(zip(cost[best], gain[best], strict=True))
    assert all(beaten(i) for i in np.flatnonzero(~best) if (cost[i], gain[i]) not in kept)
    assert outside
