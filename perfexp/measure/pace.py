"""The host's pace: two kernels that never change, timed between blocks of batches, and the host's best.

The kernels use only NumPy, so that a new framework does not change the unit, and as many threads as the
cell: a matrix product, which follows the cores' speed, and an addition over more memory than caches hold,
which follows the memory's and waits for the slowest thread.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from perfexp import environment
from perfexp.cache import Cache, digest
from perfexp.errors import CacheError
from perfexp.records import Block, Pace

_Arrays = tuple[NDArray[np.float32], ...]

_GEMM_SIZE, _GEMM_REPEATS = 384, 9
_ADD_COUNT, _ADD_REPEATS = 6_000_000, 3
_KEPT, _MAX_AGE_S = 4000, 14 * 86400.0
_BEST_SHARE = 0.1
"""The best pace is the quantile of this share: a single lucky reading does not decide."""
_AT_BEST = 1.05
_MEMORY_SLACK = 1.2
"""By which factor the addition may take longer before the host counts as slower: in calm moments too its
readings differ that much, and few networks wait for the memory alone."""


class Probe:
    """Times the kernels on ``threads`` threads; a reading takes some 15 ms.

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
            compute_ms = self._median_ms(_multiply, self._factors, _GEMM_REPEATS)
        return Pace(compute_ms, self._median_ms(_add, self._parts, _ADD_REPEATS))

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
        """Return by which factor the host was slower around a block; 1 where no probe ran."""
        around = [pace for pace in (block.before, block.after) if pace is not None]
        compute = max((pace.compute_ms for pace in around), default=self.compute_ms) / self.compute_ms
        memory = max((pace.memory_ms for pace in around), default=self.memory_ms) / self.memory_ms
        return max(compute, memory / _MEMORY_SLACK)


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
                kept = [*self._readings(now_s), *new][-_KEPT:]
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
        if not (readings := self._readings(now_s)):
            return None
        compute_ms = float(np.quantile([compute_ms for _, compute_ms, _ in readings], _BEST_SHARE))
        memory_ms = median(memory for _, compute, memory in readings if compute <= _AT_BEST * compute_ms)
        return BestPace(compute_ms, memory_ms, len(readings))

    def _readings(self, now_s: float) -> list[tuple[float, float, float]]:
        """Return time and readings, the oldest first; a damaged file holds none."""
        with suppress(OSError, ValueError, TypeError):
            stored = [(float(a), float(b), float(c)) for a, b, c in json.loads(self._path.read_text())]
            return [one for one in stored if min(one[1:]) > 0 and abs(now_s - one[0]) < _MAX_AGE_S]
        return []
