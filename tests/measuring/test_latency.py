from collections.abc import Callable
from itertools import chain, repeat
from random import Random

import pytest

from perfexp.config.schema import MeasureConfig
from perfexp.measuring.latency import StopReason, Timing, Warmup, time_batches, warm_up
from perfexp.records import Pace


class FakeBackend:
    """A clock that only ``infer`` moves, by the next of the given times in ms."""

    def __init__(self, *steps_ms: float) -> None:
        self.now_ns = 0
        self.indices: list[int] = []
        self._steps_ms = chain(steps_ms[:-1], repeat(steps_ms[-1]))

    def infer(self, index: int) -> None:
        self.indices.append(index)
        self.now_ns += round(next(self._steps_ms) * 1e6)

    def clock(self) -> int:
        return self.now_ns


def timed(fake: FakeBackend, **changes: float) -> Timing:
    plan = {"min_iterations": 1, "min_s": 0.0, "budget_s": 10.0, "warmup_iterations": 0, "warmup_s": 0.0}
    return time_batches(fake.infer, MeasureConfig(**{**plan, **changes}), fake.clock)


def warmed(fake: FakeBackend, **changes: float) -> Warmup:
    plan = {"warmup_iterations": 0, "warmup_s": 0.0, "warmup_max_s": 10.0}
    return warm_up(fake.infer, MeasureConfig(**{**plan, **changes}), fake.clock)


def noisy() -> FakeBackend:
    """Latencies anywhere between 1 and 3 ms: ±2 % takes some thousands of them."""
    random = Random(5)
    return FakeBackend(*[random.uniform(1.0, 3.0) for _ in range(6000)])


def test_equal_latencies_stop_as_soon_as_an_interval_exists() -> None:
    timing = timed(FakeBackend(2.0), min_iterations=6)
    assert timing.samples_ms == (2.0,) * 6
    assert timing.stop_reason == StopReason.PRECISION
    assert timing.untimed == 0


def test_precision_waits_for_the_least_time() -> None:
    timing = timed(FakeBackend(2.0), min_iterations=6, min_s=0.1)
    assert len(timing.samples_ms) == 50
    assert timing.stop_reason == StopReason.PRECISION


def test_the_budget_ends_what_does_not_become_precise() -> None:
    fake = noisy()
    assert timed(fake, budget_s=0.2).stop_reason == StopReason.BUDGET
    assert 0.2 <= fake.now_ns / 1e9 <= 0.36  # with what runs untimed after each reading


def test_a_wider_precision_stops_earlier() -> None:
    counts = [len(timed(noisy(), rel_half_width=p, budget_s=60.0).samples_ms) for p in (0.2, 0.08, 0.02)]
    assert counts[0] < counts[1] < counts[2] < 5000


def test_min_iterations_outlast_the_budget() -> None:
    timing = timed(noisy(), min_iterations=7, budget_s=0.001)
    assert len(timing.samples_ms) == 7
    assert timing.stop_reason == StopReason.BUDGET


def test_max_iterations_end_it_first() -> None:
    timing = timed(noisy(), min_iterations=3, max_iterations=3)
    assert len(timing.samples_ms) == 3
    assert timing.stop_reason == StopReason.ITERATIONS


def test_inputs_go_round_and_what_follows_a_reading_repeats_the_input_before_it() -> None:
    fake = FakeBackend(5.0)
    timing = timed(fake, min_iterations=5, max_iterations=7, input_buffers=3)
    assert timing.untimed == 2
    assert fake.indices == [0, 1, 2, 0, 1, 1, 1, 2, 0]


def test_warmup_ends_when_latency_has_come_down() -> None:
    warmup = warmed(FakeBackend(9.0, 7.0, 5.0, 4.0, 3.0, 2.5, 2.2, 2.0))
    assert warmup.stable
    assert len(warmup.samples_ms) >= 12
    assert warmup.samples_ms[-3:] == (2.0,) * 3


def test_warmup_that_never_settles_ends_at_its_bound() -> None:
    falling = FakeBackend(*[100.0 * 0.9**step for step in range(200)])
    warmup = warmed(falling, warmup_max_s=0.8)
    assert warmup.stable is False
    assert 0.8 <= sum(warmup.samples_ms) / 1e3 < 0.9


def test_warmup_needs_both_its_least_bounds() -> None:
    assert len(warmed(FakeBackend(2.0), warmup_iterations=30, warmup_s=0.002).samples_ms) == 30
    assert len(warmed(FakeBackend(2.0), warmup_iterations=1, warmup_s=0.06).samples_ms) == 30


def test_without_room_for_warmup_stability_is_not_asked() -> None:
    warmup = warmed(FakeBackend(2.0), warmup_iterations=1, warmup_max_s=0.0)
    assert warmup == Warmup((2.0,), None)


@pytest.mark.parametrize("first", [0, 2])
def test_a_batch_is_timed_alone(first: int) -> None:
    fake = FakeBackend(*[1.0, 2.0, 3.0, 4.0][first:])
    assert timed(fake, min_iterations=2, max_iterations=2).samples_ms == (first + 1.0, first + 2.0)


def test_the_pace_is_read_around_blocks_of_batches_and_disturbs_no_sample() -> None:
    fake, read = FakeBackend(10.0), []

    def probe() -> Pace:
        fake.now_ns += 7_000_000
        read.append(len(fake.indices))
        return Pace(float(len(read)), 1.0)

    plan = MeasureConfig(min_iterations=1, min_s=0.3, budget_s=10.0, input_buffers=2)
    timing = time_batches(fake.infer, plan, fake.clock, probe)
    assert [len(block.samples_ms) for block in timing.blocks] == [1, 20, 9]
    assert timing.samples_ms == (10.0,) * 30
    assert [(block.before, block.after) for block in timing.blocks] == [
        (Pace(n, 1.0), Pace(n + 1, 1.0)) for n in (1.0, 2.0, 3.0)
    ]
    assert timing.untimed == 2 and read == [0, 1, 22, 32]


def test_a_slow_moment_is_waited_out_for_a_while() -> None:
    paces = iter([2.0] * 4 + [1.0] * 100)
    fake = FakeBackend(10.0)
    plan = MeasureConfig(min_iterations=1, min_s=0.0, budget_s=3.0, rel_half_width=0.1, calm_wait_s=1.0)

    def timed_on(host: Callable[[], float]) -> Timing:
        return time_batches(
            fake.infer, plan, fake.clock, lambda: Pace(host(), 1.0), lambda block: block.before.compute_ms < 2
        )

    waited = timed_on(lambda: next(paces))
    assert waited.stop_reason == StopReason.PRECISION
    assert len(waited.blocks) > 4 and sum(waited.samples_ms) < 1000
    never = timed_on(lambda: 2.0)
    assert never.stop_reason == StopReason.SLOW_HOST
    assert 1000 <= sum(never.samples_ms) <= 1400
