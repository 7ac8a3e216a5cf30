import math

import pytest

from perfexp.config import MeasureConfig
from perfexp.measure.latency import summarise, time_batches


class FakeBackend:
    """A clock that only ``infer`` moves, by 2 ms a batch."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.indices: list[int] = []

    def infer(self, index: int) -> None:
        self.indices.append(index)
        self.now_ns += 2_000_000

    def clock(self) -> int:
        return self.now_ns


def timed(**plan: float) -> tuple[FakeBackend, tuple[float, ...], tuple[float, ...]]:
    fake = FakeBackend()
    defaults = {"warmup_iterations": 0, "warmup_s": 0.0, "min_iterations": 1, "budget_s": 0.001}
    timing = time_batches(fake.infer, MeasureConfig(**{**defaults, **plan}), fake.clock)
    return fake, timing.warmup_ms, timing.samples_ms


def test_budget_ends_the_timing() -> None:
    _, _, samples = timed(budget_s=0.02)
    assert samples == (2.0,) * 10


def test_min_iterations_outlast_the_budget() -> None:
    _, _, samples = timed(min_iterations=7)
    assert len(samples) == 7


def test_max_iterations_end_it_first() -> None:
    _, _, samples = timed(min_iterations=3, max_iterations=3, budget_s=100.0)
    assert len(samples) == 3


def test_warmup_needs_both_its_bounds() -> None:
    assert len(timed(warmup_iterations=4, warmup_s=0.002)[1]) == 4
    assert len(timed(warmup_iterations=1, warmup_s=0.02)[1]) == 10


def test_inputs_go_round() -> None:
    fake, _, _ = timed(min_iterations=5, input_buffers=3)
    assert fake.indices == [0, 1, 2, 0, 1]


def test_summary_of_known_samples() -> None:
    metrics = summarise((1.0, 2.0, 3.0, 10.0), batch_size=5)
    assert metrics["latency_p50_ms"] == 2.5
    assert metrics["latency_mean_ms"] == 4.0
    assert metrics["latency_min_ms"] == 1.0
    assert metrics["latency_max_ms"] == 10.0
    assert metrics["latency_std_ms"] == pytest.approx(math.sqrt(50 / 3))
    assert metrics["latency_per_image_ms"] == 0.5
    assert metrics["throughput_images_per_s"] == 2000.0
    assert metrics["iterations"] == 4


def test_one_sample_has_no_deviation() -> None:
    assert "latency_std_ms" not in summarise((1.0,), batch_size=1)
