import math

import numpy as np
import pytest

from perfexp.measuring.sample_statistics import is_precise, median_interval, samples_for, summarise
from perfexp.metrics import METRICS


def correlated(generator: np.random.Generator, count: int, rho: float) -> np.ndarray:
    """Log-normal latencies whose logarithm is an AR(1) process: the true median is 1."""
    steps = generator.standard_normal(count) * 0.1
    for i in range(1, count):
        steps[i] += rho * steps[i - 1]
    return np.exp(steps)


# 95 % is nominal; simulation with single draws instead of blocks gives 0.87 at rho = 0.3
@pytest.mark.parametrize(("rho", "least"), [(0.0, 0.90), (0.3, 0.88)])
def test_interval_holds_the_true_median(rho: float, least: float) -> None:
    generator = np.random.default_rng(11)
    held = 0
    for seed in range(400):
        low, high = median_interval(correlated(generator, 200, rho), 300, seed)
        held += low <= 1.0 <= high
    assert held / 400 >= least


def test_interval_narrows_as_the_square_root_of_the_samples() -> None:
    generator = np.random.default_rng(3)
    widths = []
    for count in (100, 1600):
        intervals = [median_interval(generator.normal(10, 1, count)) for _ in range(20)]
        widths.append(np.mean([high - low for low, high in intervals]))
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)


def test_interval_is_the_same_each_time() -> None:
    samples = np.random.default_rng(1).normal(5, 1, 50)
    assert median_interval(samples) == median_interval(samples)


def test_five_samples_have_no_interval() -> None:
    assert median_interval([1.0] * 5) is None
    assert median_interval([1.0] * 6) == (1.0, 1.0)
    assert not is_precise([1.0] * 5, 0.5)


@pytest.mark.parametrize(("percentile", "count"), [(50, 11), (90, 64), (99, 662), (10, 64)])
def test_support_is_loadgens(percentile: float, count: int) -> None:
    assert samples_for(percentile) == count


def test_summary_of_known_samples() -> None:
    metrics, absent = summarise((1.0, 2.0, 3.0, 10.0), 5, [90.0])
    assert metrics["latency_p50_ms"] == 2.5
    assert metrics["latency_mean_ms"] == 4.0
    assert metrics["latency_min_ms"] == 1.0
    assert metrics["latency_max_ms"] == 10.0
    assert metrics["latency_max_per_image_ms"] == 2.0
    assert metrics["latency_std_ms"] == pytest.approx(math.sqrt(50 / 3))
    assert metrics["latency_per_image_ms"] == 0.5
    assert metrics["throughput_images_per_s"] == 2000.0
    assert metrics["iterations"] == 4
    assert absent["latency_p90_ms"] == "this percentile needs 64 samples, and there are 4"
    assert "6 samples" in absent["latency_p50_low_ms"]


def test_percentiles_appear_with_their_samples() -> None:
    samples = tuple(float(i) for i in range(1, 131))
    metrics, absent = summarise(samples, 2, [90.0, 95.0, 99.0, 99.9])
    assert metrics["latency_p90_ms"] == pytest.approx(np.percentile(samples, 90))
    assert metrics["latency_p95_per_image_ms"] == pytest.approx(np.percentile(samples, 95) / 2)
    assert set(absent) == {"latency_p99_ms", "latency_p99_9_ms"}
    assert set(metrics) <= set(METRICS)
    assert metrics["latency_p50_low_ms"] < metrics["latency_p50_ms"] < metrics["latency_p50_high_ms"]


def test_one_sample_has_no_deviation() -> None:
    metrics, absent = summarise((1.0,), 1, [])
    assert "latency_std_ms" not in metrics
    assert "latency_std_ms" in absent
