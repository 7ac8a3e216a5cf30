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
from perfexp.measuring.sample_statistics import is_precise
from perfexp.records import Block, Pace

_BLOCK_NS = 200_000_000
_BLOCK_MIN = 4
"""A block lasts so long, and has at least so many batches: short against a neighbour's bursts."""
_SETTLE_NS = 8_000_000
"""So long batches run untimed after a reading; the first is up to a sixth slower."""
_GROWTH = 1.25
"""Factor by which the samples grow between two checks of precision, so that checking stays cheap."""

Infer = Callable[[int], None]
Clock = Callable[[], int]
Probe = Callable[[], Pace | None]


class StopReason(StrEnum):
    """What ended the timing."""

    PRECISION = "precision"
    BUDGET = "budget"
    SLOW_HOST = "slow host"
    ITERATIONS = "iterations"


@dataclass(frozen=True)
class Warmup:
    """Wall times in ms before timing; ``stable`` is None where no bound for warm-up is set."""

    samples_ms: tuple[float, ...]
    stable: bool | None


@dataclass(frozen=True)
class Timing:
    """Wall times of batches in blocks, in the order they ran, and how many ran untimed between them."""

    blocks: tuple[Block, ...]
    stop_reason: StopReason
    untimed: int

    @property
    def samples_ms(self) -> tuple[float, ...]:
        """All wall times in ms, in order."""
        return tuple(ms for block in self.blocks for ms in block.samples_ms)


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


def time_batches(
    infer: Infer,
    settings: MeasureConfig,
    clock_ns: Clock = time.perf_counter_ns,
    probe: Probe = lambda: None,
    is_calm: Callable[[Block], bool] = lambda _: True,
) -> Timing:
    """Time ``infer(index)``, cycling over ``settings.input_buffers`` inputs.

    ``probe`` reads the host's pace between blocks of batches, and precision is checked there, on the
    blocks that ``is_calm`` lets count: a slow moment is waited out for ``calm_wait_s``. The batches
    that follow a reading, on the input just used, run untimed, so that nothing disturbs a sample.
    """
    budget_ns = settings.budget_s * 1e9
    with _no_garbage_collection():
        timed = _Blocks(infer, clock_ns, settings.input_buffers, probe, is_calm)
        timed.extend(settings.min_iterations, inf)
        timed.extend(settings.max_iterations, min(settings.min_s, settings.budget_s) * 1e9)
        while (reason := _stop_reason(timed, settings, budget_ns)) is None:
            timed.extend(min(settings.max_iterations, ceil(len(timed.ns) * _GROWTH)), budget_ns)
    return Timing(tuple(timed.blocks), reason, timed.untimed)


def _stop_reason(samples: "_Blocks", settings: MeasureConfig, budget_ns: float) -> StopReason | None:
    if len(samples.ns) >= settings.max_iterations:
        return StopReason.ITERATIONS
    if is_precise(samples.calm_ms, settings.rel_half_width):
        return StopReason.PRECISION
    if not samples.calm_ms and samples.elapsed_ns >= 1e9 * (settings.min_s + settings.calm_wait_s):
        return StopReason.SLOW_HOST
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
        self.ns: list[int] = []
        self.elapsed_ns = 0
        """The time that all batches took together."""

    def extend(self, count: int, until_ns: float) -> None:
        """Time batches until there are ``count`` or they took ``until_ns``."""
        infer, clock_ns, buffers, ns = self._infer, self._clock_ns, self._buffers, self.ns
        elapsed_ns = self.elapsed_ns
        while len(ns) < count and elapsed_ns < until_ns:
            index = len(ns) % buffers
            start = clock_ns()
            infer(index)
            took_ns = clock_ns() - start
            ns.append(took_ns)
            elapsed_ns += took_ns
        self.elapsed_ns = elapsed_ns

    def ms(self) -> tuple[float, ...]:
        """All samples in ms."""
        return tuple(ns / 1e6 for ns in self.ns)


class _Blocks(_Samples):
    """Timed batches with a reading of the host's pace before, between and after blocks of them."""

    def __init__(
        self, infer: Infer, clock_ns: Clock, buffers: int, probe: Probe, is_calm: Callable[[Block], bool]
    ) -> None:
        super().__init__(infer, clock_ns, buffers)
        self._probe, self._pace, self._is_calm = probe, probe(), is_calm
        self.blocks: list[Block] = []
        self.calm_ms: list[float] = []
        self.untimed = 0

    def extend(self, count: int, until_ns: float) -> None:
        while (first := len(self.ns)) < count and self.elapsed_ns < until_ns:
            if first:
                self._settle((first - 1) % self._buffers)
            end_ns = self.elapsed_ns + _BLOCK_NS
            super().extend(min(count, first + _BLOCK_MIN), until_ns)
            super().extend(count, min(until_ns, end_ns))
            before, self._pace = self._pace, self._probe()
            block = Block(self.ms()[first:], before, self._pace)
            self.blocks.append(block)
            self.calm_ms += block.samples_ms if self._is_calm(block) else ()

    def _settle(self, index: int) -> None:
        """Run batches untimed until what the probe left behind is gone; the inputs' cycle stays."""
        end_ns = self._clock_ns() + _SETTLE_NS
        while True:
            self._infer(index)
            self.untimed += 1
            if self._clock_ns() >= end_ns:
                return


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
