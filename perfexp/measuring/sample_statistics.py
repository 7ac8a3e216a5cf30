"""Summaries of samples, with confidence intervals."""

from collections.abc import Sequence
from math import ceil, comb

import numpy as np

from perfexp.metrics import per_image_name, percentile_name

CONFIDENCE = 0.95
_SUPPORT = 0.99
_RESAMPLES = 1000
_MIN_FOR_BLOCKS = 30
"""With fewer samples, blocks leave too few combinations: single samples cover the median better."""
_CHUNK = 1 << 16
"""Values resampled at once: half a megabyte, so that little of the cache is disturbed."""


def median_interval(
    samples: Sequence[float], resamples: int = _RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """Return the 95 % percentile-bootstrap interval of the median.

    Successive batches are correlated, so blocks of n^(1/3) of them are drawn
    (circular block bootstrap, Politis and Romano 1992; length by Hall, Horowitz and Jing 1995).
    Correlation over longer stretches is left to the certificate's drift.

    Returns:
        Its ends, in the unit of ``samples``; None below six samples, of which even the smallest
        and the largest enclose the median with less than 95 % confidence.
    """
    count = len(samples)
    if 2 * 0.5**count > 1 - CONFIDENCE:
        return None
    values = np.asarray(samples, dtype=np.float64)
    generator = np.random.default_rng(seed)
    block = round(count ** (1 / 3)) if count >= _MIN_FOR_BLOCKS else 1
    steps = np.arange(block)
    rows = max(1, _CHUNK // count)
    medians = []
    for done in range(0, resamples, rows):
        size = (min(rows, resamples - done), ceil(count / block), 1)
        drawn = (generator.integers(0, count, size) + steps) % count
        medians.append(np.median(values[drawn.reshape(size[0], -1)[:, :count]], axis=1))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(medians), (tail, 1 - tail))
    return float(low), float(high)


def is_precise(samples: Sequence[float], precision: float) -> bool:
    """Return whether the median's interval extends by at most ``precision`` of it to either side."""
    interval = median_interval(samples, resamples=_RESAMPLES // 2)
    if interval is None:
        return False
    median = float(np.median(samples))
    return max(interval[1] - median, median - interval[0]) <= precision * median


def samples_for(percentile: float) -> int:
    """Return the smallest number of samples that supports ``percentile`` (0-100).

    With 99 % confidence at least two of them lie beyond it, whatever the distribution: the
    binomial bound of MLPerf loadgen's early stopping (64 samples for the 90th, 662 for the 99th).
    """
    beyond = min(percentile, 100 - percentile) / 100
    count = 2
    while (1 - beyond) ** count + comb(count, 1) * beyond * (1 - beyond) ** (count - 1) > 1 - _SUPPORT:
        count += 1
    return count


def summarise(
    samples_ms: Sequence[float], batch_size: int, percentiles: Sequence[float]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the metrics of a cell from its raw samples, per batch and per image.

    Returns:
        Metric to value, and metric to the reason why there is none, both as named in
        :mod:`perfexp.metrics`. The median is always present; its interval states its precision.
    """
    batch, absent = _statistics(samples_ms, percentiles)
    per_image = {per_image_name(name): value / batch_size for name, value in batch.items()}
    median = batch["latency_p50_ms"]
    rates = {"throughput_images_per_s": batch_size / (median / 1e3), "iterations": float(len(samples_ms))}
    return {**batch, **per_image, **rates}, absent


def _statistics(
    samples_ms: Sequence[float], percentiles: Sequence[float]
) -> tuple[dict[str, float], dict[str, str]]:
    values = np.asarray(samples_ms, dtype=np.float64)
    count = len(values)
    found = {
        "latency_p50_ms": float(np.median(values)),
        "latency_mean_ms": float(values.mean()),
        "latency_min_ms": float(values.min()),
        "latency_max_ms": float(values.max()),
    }
    absent: dict[str, str] = {}
    interval = median_interval(samples_ms)
    if interval is None:
        reason = f"an interval of the median needs 6 samples, and there are {count}"
        absent["latency_p50_low_ms"] = absent["latency_p50_high_ms"] = reason
    else:
        found["latency_p50_low_ms"], found["latency_p50_high_ms"] = interval
    if count > 1:
        found["latency_std_ms"] = float(values.std(ddof=1))
    else:
        absent["latency_std_ms"] = "a deviation needs 2 samples, and there is 1"
    for percentile in percentiles:
        name, needed = percentile_name(percentile), samples_for(percentile)
        if count >= needed:
            found[name] = float(np.percentile(values, percentile))
        elif name not in found:
            absent[name] = f"this percentile needs {needed} samples, and there are {count}"
    return found, absent
