"""How latency changes along the further keys of a sweep, between cells that differ in one key alone."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from perfexp.records import by_value, headings, shown, variant

COLUMNS = ("axis", "level", "against", "pairs", "ratio", "low", "high")
_ALIKE = ["named_model", "named_backend", "batch_size"]


def of(runs: pd.DataFrame) -> list[dict[str, str]]:
    """Return each run's values of the further keys that its sweep varied, by the column ``axes``."""
    told = runs["axes"] if "axes" in runs else [None] * len(runs)
    return [variant(text) if isinstance(text, str) else {} for text in told]


def effects(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the ratio of latencies between two values of a key, over the cells alike in all else.

    Args:
        cells: with ``axes``, ``named_model`` and ``named_backend`` (without what tells variants apart),
            ``batch_size`` and ``latency_ms``.

    Returns:
        ``axis, level, against, pairs, ratio, low, high``: the geometric mean of ``pairs`` ratios of the
        latency at ``level`` to that at ``against``, the key's first value, and its 95 % limits by
        Student's t on the logarithms, NaN for a single pair.
    """
    swept = of(cells)
    axes = list(dict.fromkeys(axis for row in swept for axis in row))
    short, rows = headings(axes), list[tuple[object, ...]]()
    for axis in axes:
        alike = [[value for value in row.items() if value[0] != axis] for row in swept]
        table = cells[[*_ALIKE, "latency_ms"]].assign(
            level=pd.Series([row.get(axis) for row in swept], cells.index, dtype=object),
            others=list(map(str, alike)),
        )
        wide = table.pivot_table("latency_ms", [*_ALIKE, "others"], "level", "last")
        first, *levels = sorted(map(str, wide.columns), key=by_value)
        for level in levels:
            logs = np.log((wide[level] / wide[first]).dropna().to_numpy(dtype=float))
            if len(logs):
                rows.append((short[axis], shown(level), shown(first), len(logs), *_mean(logs)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def sentences(table: pd.DataFrame) -> Iterator[str]:
    """Write one sentence for each pair of a key's values."""
    for axis, level, against, pairs, ratio, low, high in table[list(COLUMNS)].to_numpy().tolist():
        limits = f", 95 % interval {low:.2f} to {high:.2f}" if np.isfinite(low) else ""
        yield (
            f"With {axis} {level} instead of {against} a batch takes {ratio:.2f} times as long "
            f"(geometric mean over {pairs} pairs of cells alike in all else{limits})."
        )


def _mean(logs: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[float, float, float]:
    centre = float(logs.mean())
    if len(logs) < 2:
        return float(np.exp(centre)), np.nan, np.nan
    half = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs)))
    return float(np.exp(centre)), float(np.exp(centre - half)), float(np.exp(centre + half))
