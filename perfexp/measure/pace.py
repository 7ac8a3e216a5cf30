"""The host's pace: two kernels that never change, timed between blocks of batches, and the host's best.

The kernels use only NumPy, so that a new framework does not change the unit, and as many threads as the
cell: matrix products, which follow the cores' speed, and an addition over more memory than caches hold,
which follows the memory's and waits for the slowest thread.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from perfexp import environment
from perfexp.cache import Cache, digest
from perfexp.errors import CacheError
from perfexp.records import Block, Pace

_Arrays = tuple[NDArray[np.float32], ...]

_GEMM_SIZE, _PRODUCTS = 320, 3
_ADD_COUNT = 6_000_000
_COMPUTE_REPEATS, _COMPUTE_UNTIMED = 5, 3
_MEMORY_REPEATS, _MEMORY_UNTIMED = 3, 1
"""The first repeats are untimed: a framework's threads spin for some 5 ms after their last batch."""
_KEPT, _MAX_AGE_S = 4000, 14 * 86400.0
_BEST_SHARE = 0.1
"""The best pace is the quantile of this share: a single lucky reading does not decide."""
_AT_BEST = 1.05
_MEMORY_SLACK = 1.25
"""By which factor the addition may take longer before the host counts as slower: in calm moments too its
readings differ that much, and few networks wait for the memory alone."""


class Probe:
    """Times the kernels on ``threads`` threads; a reading takes some 20 ms.

    Its threads are Python's own and sleep between readings: those of a BLAS library would go on
    spinning beside the batches that follow.
    """

    def __init__(self, threads: int, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        generator = np.random.default_rng(0)
        left = generator.standard_normal((_GEMM_SIZE, _GEMM_SIZE), dtype=np.float32)
        self._factors = [(left, left.T.copy(), np.empty_like(left)) for _ in range(threads)]
        total = np.zeros(_ADD_COUNT, np.float32)
        self._parts = list(zip(*(np.array_split(x, threads) for x in (total, total + 1)), strict=True))
        self._pool, self._clock_ns = ThreadPoolExecutor(threads, "pace"), clock_ns
        self._blas = ThreadpoolController().select(user_api="blas")
        self()

    def __call__(self) -> Pace:
        """Return the median wall time of each kernel, all threads at once."""
        with self._blas.limit(limits=1):
            self._median_ms(_multiply, self._factors, _COMPUTE_UNTIMED)
            compute_ms = self._median_ms(_multiply, self._factors, _COMPUTE_REPEATS)
        self._median_ms(_add, self._parts, _MEMORY_UNTIMED)
        return Pace(compute_ms, self._median_ms(_add, self._parts, _MEMORY_REPEATS))

    def _median_ms(
        self, kernel: Callable[[_Arrays], object], operands: Sequence[_Arrays], repeats: int
    ) -> float:
        samples = []
        for _ in range(repeats):
            start = self._clock_ns()
            deque(self._pool.map(kernel, operands), maxlen=0)
            samples.append(self._clock_ns() - start)
        return median(samples) / 1e6


def _multiply(operands: _Arrays) -> None:
    left, right, product = operands
    for _ in range(_PRODUCTS):
        np.matmul(left, right, out=product)


def _add(operands: _Arrays) -> None:
    total, ones = operands
    np.add(total, ones, out=total)


def unknown() -> None:
    """The probe of a cell that infers on another device than the processor: it reads nothing."""


@dataclass(frozen=True)
class BestPace:
    """The host's own best pace: the wall times in ms of the kernels in its fast state.

    Attributes:
        compute_ms: of the matrix product, the lower decile of the readings of the last fourteen days.
        memory_ms: of the addition, the median of the readings in which the matrix product is at its
            best: a host may slow down with its memory faster.
        readings: how many there are.
    """

    compute_ms: float
    memory_ms: float
    readings: int

    def slowdown(self, block: Block) -> float:
        """Return by which factor the host was slower around a block, the mean of both readings."""
        around = readings([block])
        compute = fmean(pace.compute_ms for pace in around) / self.compute_ms
        memory = fmean(pace.memory_ms for pace in around) / self.memory_ms
        return max(compute, memory / _MEMORY_SLACK)

    def factor(self, blocks: Sequence[Block]) -> float:
        """Return how much longer the host needed beside all these blocks than at its best.

        The lower quartile of the readings: what interrupts a reading only lengthens it.
        """
        read_ms = [pace.compute_ms for pace in readings(blocks)]
        return float(np.quantile(read_ms, 0.25)) / self.compute_ms


def readings(blocks: Iterable[Block]) -> list[Pace]:
    """Return the readings before and after each block, in order; those between two stand twice."""
    return [pace for block in blocks for pace in (block.before, block.after) if pace is not None]


class PaceHistory:
    """Readings of this host's pace with so many threads, in the cache below ``mlruns/``."""

    def __init__(self, cache: Cache, threads: int) -> None:
        facts = {**environment.host(), "node": environment.node(), "threads": threads}
        self._path = cache.entry("pace", digest(facts)).with_suffix(".json")

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
        except OSError as error:
            raise CacheError(
                f"The host's pace cannot be kept in {self._path} ({error.strerror or error}); free some "
                "space or set tracking.root elsewhere."
            ) from error

    def best(self, now_s: float) -> BestPace | None:
        """Return the host's best pace; None if it was never read."""
        if not (stored := self._stored(now_s)):
            return None
        best_ms = float(np.quantile([compute_ms for _, compute_ms, _ in stored], _BEST_SHARE))
        memory_ms = median(
            memory_ms for _, compute_ms, memory_ms in stored if compute_ms <= _AT_BEST * best_ms
        )
        return BestPace(best_ms, memory_ms, len(stored))

    def _stored(self, now_s: float) -> list[tuple[float, float, float]]:
        """Return time and readings, the oldest first; a damaged file holds none."""
        with suppress(OSError, ValueError, TypeError):
            stored = [(float(a), float(b), float(c)) for a, b, c in json.loads(self._path.read_text())]
            return [one for one in stored if min(one[1:]) > 0 and abs(now_s - one[0]) < _MAX_AGE_S]
        return []
