"""The host's pace: two kernels that never change, timed between blocks of batches, and the host's own pace.

The kernels use only NumPy, so that a new framework does not change the unit, and as many threads as the
cell: a product of small matrices, which follows the cores' speed and how fast they wait for each other, and
the product of a large matrix with a vector, which follows that of the memory and the last cache.
"""

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import log
from statistics import fmean, median, stdev

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from perfexp import environment
from perfexp.cache import Cache, digest
from perfexp.errors import CacheError
from perfexp.records import Block, Pace

_SIZE, _ROWS, _COLUMNS = 192, 3000, 2000
_COMPUTE, _MEMORY = (60, 60), (2, 4)
"""Repeats of each kernel, untimed and timed: a framework's threads spin for some 5 ms after a batch."""
_KEPT, _MAX_AGE_S, _AGE_STEP_S = 4000, 14 * 86400.0, 3600.0
_STATE, _COMMON = 1.1, 0.5
"""Readings within this factor are of one state of the host; the fastest state that is at least so common
as the commonest is the host's own."""
MOMENT_S, _MOMENTS, _FEW = 120.0, 5, 5
"""How long a moment is, how many tell of a host's spread, and how many readings tell of a moment."""
_MEMORY_SLACK = 1.25
"""By which factor the memory may be slower, or faster, before the host counts as such: in calm moments too
its readings differ that much, and few networks wait for the memory alone."""


class Probe:
    """Times the kernels on ``threads`` threads; a reading takes some 15 ms.

    The BLAS library's threads must not spin long after it (``worker.process`` sees to that).
    """

    def __init__(self, threads: int, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        square, tall = np.ones((_SIZE, _SIZE), np.float32), np.ones((_ROWS, _COLUMNS), np.float32)
        self._product = partial(np.matmul, square, square.T.copy(), out=np.empty_like(square))
        self._sums = partial(np.matmul, tall, np.ones(_COLUMNS, np.float32), out=np.empty(_ROWS, np.float32))
        self._threads, self._clock_ns = threads, clock_ns
        self._blas = ThreadpoolController().select(user_api="blas")
        self()

    def __call__(self) -> Pace:
        """Return the lower quartile of each kernel's wall times: what interrupts it only lengthens it."""
        with self._blas.limit(limits=self._threads):
            return Pace(self._quartile_ms(self._product, *_COMPUTE), self._quartile_ms(self._sums, *_MEMORY))

    def _quartile_ms(self, kernel: Callable[[], object], untimed: int, timed: int) -> float:
        for _ in range(untimed):
            kernel()
        samples = []
        for _ in range(timed):
            start = self._clock_ns()
            kernel()
            samples.append(self._clock_ns() - start)
        return float(np.quantile(samples, 0.25)) / 1e6


def unknown() -> None:
    """The probe of a cell that infers on another device than the processor: it reads nothing."""


@dataclass(frozen=True)
class OwnPace:
    """The host's own pace: the wall times in ms of the kernels in its fastest common state.

    A virtual machine, for one, has several, by where its processors run: in one they wait for each other
    half as long, in another they have twice the cache.

    Attributes:
        compute_ms: of the small products, the median of the readings in that state.
        memory_ms: of the product with a vector, the median of the same readings.
        readings: how many are known, in any state.
        spread: standard deviation of the logarithm of the small products' time between moments of that
            state minutes apart; None where fewer than five are known.
    """

    compute_ms: float
    memory_ms: float
    readings: int
    spread: float | None = None

    def slowdown(self, block: Block) -> float:
        """Return by which factor the host was slower around a block: that of the kernel that was further off.

        Below 1 the host was faster, in a state that is not its own either.
        """
        around = readings([block])
        compute = fmean(pace.compute_ms for pace in around) / self.compute_ms
        memory = fmean(pace.memory_ms for pace in around) / self.memory_ms
        beyond = max(1.0, memory / _MEMORY_SLACK) if memory > 1 else min(1.0, memory * _MEMORY_SLACK)
        return max(compute, beyond, key=lambda factor: abs(log(factor)))


def is_own(slowdown: float, within: float) -> bool:
    """Return whether the host that was slower by this factor was in its own state, within a fraction."""
    return abs(log(slowdown)) <= log(1 + within)


def readings(blocks: Iterable[Block]) -> list[Pace]:
    """Return the readings before and after each block, in order; those between two stand twice."""
    return [pace for block in blocks for pace in (block.before, block.after) if pace is not None]


def _own(compute_ms: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which readings are of the host's own state."""
    ordered = np.sort(compute_ms)
    counts = np.searchsorted(ordered, ordered * _STATE, side="right") - np.arange(len(ordered))
    lowest = ordered[np.argmax(counts >= _COMMON * counts.max())]
    middle = np.median(ordered[(ordered >= lowest) & (ordered <= lowest * _STATE)])
    return np.asarray(np.abs(np.log(compute_ms / middle)) <= log(_STATE) / 2)


def _spread(at_s: NDArray[np.float64], compute_ms: NDArray[np.float64]) -> float | None:
    """Return the deviation between moments, each the median of the readings of two minutes."""
    moments: dict[int, list[float]] = {}
    for at, ms in zip(at_s.tolist(), compute_ms.tolist(), strict=True):
        moments.setdefault(int(at // MOMENT_S), []).append(log(ms))
    medians = [median(logs) for logs in moments.values() if len(logs) >= _FEW]
    return stdev(medians) if len(medians) >= _MOMENTS else None


class PaceHistory:
    """Readings of this host's pace with so many threads, in the cache below ``mlruns/``."""

    def __init__(self, cache: Cache, threads: int) -> None:
        facts = {**environment.host(), "node": environment.node(), "threads": threads, "size": _SIZE}
        self._path = cache.entry("pace", digest(facts)).with_suffix(".json")
        self._read_at: object = None
        self._own: OwnPace | None = None

    def learn(self, blocks: Iterable[Block], now_s: float) -> None:
        """Add the readings around blocks; the oldest are forgotten.

        Raises:
            CacheError: the disk is full or the file cannot be written.
        """
        read = [block.after for block in blocks if block.after is not None]
        new = [(now_s, pace.compute_ms, pace.memory_ms) for pace in read]
        if not new:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path.with_suffix(".lock")):
                kept = [*self._stored(now_s), *new][-_KEPT:]
                draft = self._path.with_suffix(".draft")
                draft.write_text(json.dumps(kept))
                draft.replace(self._path)
                self._read_at = None
        except OSError as error:
            raise CacheError(
                f"The host's pace cannot be kept in {self._path} ({error.strerror or error}); free some "
                "space or set tracking.root elsewhere."
            ) from error

    def own(self, now_s: float) -> OwnPace | None:
        """Return the host's own pace; None if it was never read."""
        found = self._path.stat() if self._path.is_file() else None
        state = (found and (found.st_mtime_ns, found.st_size), now_s // _AGE_STEP_S)
        if state != self._read_at:
            self._read_at, self._own = state, self._read(now_s)
        return self._own

    def _read(self, now_s: float) -> OwnPace | None:
        if not (stored := self._stored(now_s)):
            return None
        at_s, compute_ms, memory_ms = np.array(stored).T
        own = _own(compute_ms)
        medians = float(np.median(compute_ms[own])), float(np.median(memory_ms[own]))
        return OwnPace(*medians, len(stored), _spread(at_s[own], compute_ms[own]))

    def _stored(self, now_s: float) -> list[tuple[float, float, float]]:
        """Return time and readings, the oldest first; a damaged file holds none."""
        with suppress(OSError, ValueError, TypeError):
            stored = [(float(a), float(b), float(c)) for a, b, c in json.loads(self._path.read_text())]
            return [one for one in stored if min(one[1:]) > 0 and abs(now_s - one[0]) < _MAX_AGE_S]
        return []
