"""The host's pace: two kernels that never change, timed between blocks of batches, and the host's best.

The kernels use only NumPy, so that a new framework does not change the unit: a matrix product on the
cell's number of threads, which follows the cores' speed, and an addition over more memory than caches
hold, which follows the memory's.
"""

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from filelock import FileLock
from threadpoolctl import ThreadpoolController

from perfexp import environment
from perfexp.cache import Cache, digest
from perfexp.errors import CacheError
from perfexp.records import Block, Pace

_GEMM_SIZE, _GEMM_REPEATS = 384, 9
_ADD_COUNT, _ADD_REPEATS = 2_000_000, 3
_KEPT, _MAX_AGE_S = 4000, 14 * 86400.0
_BEST_SHARE = 0.1
"""The best pace is the quantile of this share: a single lucky reading does not decide."""


class Probe:
    """Times the kernels on ``threads`` threads; a reading takes some 10 ms."""

    def __init__(self, threads: int, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        generator = np.random.default_rng(0)
        self._threads, self._clock_ns = threads, clock_ns
        self._blas = ThreadpoolController().select(user_api="blas")
        left, right = generator.standard_normal((2, _GEMM_SIZE, _GEMM_SIZE), dtype=np.float32)
        product, total = np.empty_like(left), np.zeros(_ADD_COUNT, np.float32)
        self._gemm = partial(np.matmul, left, right, out=product)
        self._add = partial(np.add, total, np.ones_like(total), out=total)
        self()

    def __call__(self) -> Pace:
        """Return the median wall time of each kernel."""
        with self._blas.limit(limits=self._threads):
            compute_ms = self._median_ms(self._gemm, _GEMM_REPEATS)
        return Pace(compute_ms, self._median_ms(self._add, _ADD_REPEATS))

    def _median_ms(self, kernel: Callable[[], object], repeats: int) -> float:
        samples = []
        for _ in range(repeats):
            start = self._clock_ns()
            kernel()
            samples.append(self._clock_ns() - start)
        return median(samples) / 1e6


def unknown() -> None:
    """The probe of a cell that infers on another device than the processor: it reads nothing."""


@dataclass(frozen=True)
class BestPace:
    """The host's own best pace: the wall time in ms of the matrix product in its fast state.

    Attributes:
        compute_ms: lower decile of the readings of the last fourteen days.
        readings: how many there are.
    """

    compute_ms: float
    readings: int

    def slowdown(self, block: Block) -> float:
        """Return by which factor the host was slower around a block; 1 where no probe ran."""
        around = [pace.compute_ms for pace in (block.before, block.after) if pace is not None]
        return max(around, default=self.compute_ms) / self.compute_ms


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
        new = [(now_s, block.after.compute_ms) for block in blocks if block.after is not None]
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
        times_ms = [ms for _, ms in self._readings(now_s)]
        return BestPace(float(np.quantile(times_ms, _BEST_SHARE)), len(times_ms)) if times_ms else None

    def _readings(self, now_s: float) -> list[tuple[float, float]]:
        """Return time and reading, the oldest first; a damaged file holds none."""
        with suppress(OSError, ValueError, TypeError):
            stored = [(float(at_s), float(ms)) for at_s, ms in json.loads(self._path.read_text())]
            return [(at_s, ms) for at_s, ms in stored if ms > 0 and abs(now_s - at_s) < _MAX_AGE_S]
        return []
