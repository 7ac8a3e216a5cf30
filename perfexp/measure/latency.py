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
from perfexp.measure.sample_statistics import is_precise

_GROWTH = 1.25
"""Factor by which the samples grow between two checks of precision, so that checking stays cheap."""

Infer = Callable[[int], None]
Clock = Callable[[], int]


class StopReason(StrEnum):
    """What ended the timing."""

    PRECISION = "precision"
    BUDGET = "budget"
    ITERATIONS = "iterations"


@dataclass(frozen=True)
class Warmup:
    """Wall times in ms before timing; ``stable`` is None where no bound for warm-up is set."""

    samples_ms: tuple[float, ...]
    stable: bool | None


@dataclass(frozen=True)
class Timing:
    """Wall times of batches in ms, in the order they ran, and how many ran untimed between them."""

    samples_ms: tuple[float, ...]
    stop_reason: StopReason
    untimed: int


def warm_up(infer: Infer, settings: MeasureConfig, clock_ns: Clock = time.perf_counter_ns) -> Warmup:
    """Run batches until latency is stable or ``warmup_max_s`` is reached.

    Stable means: the medians of the last two windows, each a quarter of all batches and at
    least three, agree within ``settings.rel_half_width``.
    """
    samples = _Samples(infer, clock_ns, settings.input_buffers)
    samples.extend(settings.warmup_iterations, inf)
    samples.extend(settings.max_iterations, settings.warmup_s * 1e9)
    bound_ns = settings.warmup_max_s * 1e9
    if not bound_ns:
        return Warmup(samples.ms(), None)
    while not (stable := _is_stable(samples.ns, settings.rel_half_width)):
        if samples.elapsed_ns >= bound_ns or len(samples.ns) >= settings.max_iterations:
            break
        samples.extend(min(settings.max_iterations, ceil(len(samples.ns) * _GROWTH) or 1), bound_ns)
    return Warmup(samples.ms(), stable)


def time_batches(infer: Infer, settings: MeasureConfig, clock_ns: Clock = time.perf_counter_ns) -> Timing:
    """Time ``infer(index)``, cycling over ``settings.input_buffers`` inputs.

    Precision is checked between two batches; the batch after a check, on the input just used, runs
    untimed, so that the check disturbs no sample.
    """
    budget_ns = settings.budget_s * 1e9
    with _no_garbage_collection():
        samples = _Samples(infer, clock_ns, settings.input_buffers)
        samples.extend(settings.min_iterations, inf)
        samples.extend(settings.max_iterations, min(settings.min_s, settings.budget_s) * 1e9)
        untimed = 0
        while (reason := _stop_reason(samples, settings, budget_ns)) is None:
            infer((len(samples.ns) - 1) % settings.input_buffers)
            untimed += 1
            samples.extend(min(settings.max_iterations, ceil(len(samples.ns) * _GROWTH)), budget_ns)
    return Timing(samples.ms(), reason, untimed)


def _stop_reason(samples: "_Samples", settings: MeasureConfig, budget_ns: float) -> StopReason | None:
    if len(samples.ns) >= settings.max_iterations:
        return StopReason.ITERATIONS
    if is_precise(samples.ns, settings.rel_half_width):
        return StopReason.PRECISION
    return StopReason.BUDGET if samples.elapsed_ns >= budget_ns else None


def _is_stable(samples_ns: list[int], precision: float) -> bool:
    window = max(3, len(samples_ns) // 4)
    if len(samples_ns) < 2 * window:
        return False
    before, after = median(samples_ns[-2 * window : -window]), median(samples_ns[-window:])
    return abs(after - before) <= precision * before


class _Samples:
    """Timed batches in ns; the cycle of inputs continues from one extension to the next."""

    def __init__(self, infer: Infer, clock_ns: Clock, buffers: int) -> None:
        self._infer, self._clock_ns, self._buffers = infer, clock_ns, buffers
        self._began = self._end = clock_ns()
        self.ns: list[int] = []

    @property
    def elapsed_ns(self) -> int:
        """Time from the beginning to the end of the latest batch."""
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
