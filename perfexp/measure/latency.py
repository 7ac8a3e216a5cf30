"""Timing batches: warm up until stable, repeat until precise, keep every sample."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, inf
from statistics import median

from perfexp.config.schema import MeasureConfig
from perfexp.measure.statistics import is_precise

_GROWTH = 1.25
"""Between two looks at the samples their number grows by this, so that looking stays cheap."""

Infer = Callable[[int], None]
Clock = Callable[[], int]


class StopReason(StrEnum):
    """What ended the timing."""

    PRECISION = "precision"
    BUDGET = "budget"
    ITERATIONS = "iterations"


@dataclass(frozen=True)
class Warmup:
    """Wall times in ms before timing; ``stable`` is None where the plan leaves no room to ask."""

    samples_ms: tuple[float, ...]
    stable: bool | None


@dataclass(frozen=True)
class Timing:
    """Wall times of batches in ms, in the order they ran, and how many ran untimed between them."""

    samples_ms: tuple[float, ...]
    stop_reason: StopReason
    untimed: int


def warm_up(infer: Infer, plan: MeasureConfig, clock_ns: Clock = time.perf_counter_ns) -> Warmup:
    """Run batches until latency is stable or the plan's bound is reached.

    Stable means: the medians of the last two windows, each a quarter of all batches and at
    least three, agree within ``plan.rel_half_width``.
    """
    samples = _Samples(infer, clock_ns, plan.input_buffers)
    samples.extend(plan.warmup_iterations, inf)
    samples.extend(plan.max_iterations, plan.warmup_s * 1e9)
    bound_ns = plan.warmup_max_s * 1e9
    if not bound_ns:
        return Warmup(samples.ms(), None)
    while not (stable := _is_stable(samples.ns, plan.rel_half_width)):
        if samples.elapsed_ns >= bound_ns or len(samples.ns) >= plan.max_iterations:
            break
        samples.extend(min(plan.max_iterations, ceil(len(samples.ns) * _GROWTH) or 1), bound_ns)
    return Warmup(samples.ms(), stable)


def time_batches(infer: Infer, plan: MeasureConfig, clock_ns: Clock = time.perf_counter_ns) -> Timing:
    """Time ``infer(index)``, the index going round over ``plan.input_buffers`` inputs.

    Whether the median is precise is asked between two batches; the batch after it, on the input
    just used, runs untimed, so that no sample pays for the question.
    """
    budget_ns = plan.budget_s * 1e9
    with _no_garbage_collection():
        samples = _Samples(infer, clock_ns, plan.input_buffers)
        samples.extend(plan.min_iterations, inf)
        samples.extend(plan.max_iterations, min(plan.min_s, plan.budget_s) * 1e9)
        untimed = 0
        while (reason := _stop_reason(samples, plan, budget_ns)) is None:
            infer((len(samples.ns) - 1) % plan.input_buffers)
            untimed += 1
            samples.extend(min(plan.max_iterations, ceil(len(samples.ns) * _GROWTH)), budget_ns)
    return Timing(samples.ms(), reason, untimed)


def _stop_reason(samples: "_Samples", plan: MeasureConfig, budget_ns: float) -> StopReason | None:
    if len(samples.ns) >= plan.max_iterations:
        return StopReason.ITERATIONS
    if is_precise(samples.ns, plan.rel_half_width):
        return StopReason.PRECISION
    return StopReason.BUDGET if samples.elapsed_ns >= budget_ns else None


def _is_stable(samples_ns: list[int], precision: float) -> bool:
    window = max(3, len(samples_ns) // 4)
    if len(samples_ns) < 2 * window:
        return False
    before, after = median(samples_ns[-2 * window : -window]), median(samples_ns[-window:])
    return abs(after - before) <= precision * before


class _Samples:
    """Timed batches in ns; the inputs go round from one extension to the next."""

    def __init__(self, infer: Infer, clock_ns: Clock, buffers: int) -> None:
        self._infer, self._clock_ns, self._buffers = infer, clock_ns, buffers
        self._began = self._end = clock_ns()
        self.ns: list[int] = []

    @property
    def elapsed_ns(self) -> int:
        """From the beginning to the end of the latest batch."""
        return self._end - self._began

    def extend(self, count: int, until_ns: float) -> None:
        """Time batches until there are ``count`` or ``until_ns`` have passed since the beginning."""
        infer, clock_ns, buffers, ns = self._infer, self._clock_ns, self._buffers, self.ns
        end, last = self._end, self._began + until_ns
        while len(ns) < count and end < last:
            index = len(ns) % buffers
            start = clock_ns()
            infer(index)
            end = clock_ns()
            ns.append(end - start)
        self._end = end

    def ms(self) -> tuple[float, ...]:
        """All samples in ms."""
        return tuple(ns / 1e6 for ns in self.ns)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
