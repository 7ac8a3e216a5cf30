"""Two kernels that never change, timed around each cell: the pace of the machine.

They use only NumPy, so that a new framework does not change the unit, and every core that NumPy's
BLAS uses, so that a neighbour on any core is visible.
"""

import time
from collections.abc import Callable, Mapping
from functools import cache
from math import prod
from statistics import median

import numpy as np
from numpy.typing import NDArray

_REPEATS = 5
_GEMM_SIZE = 640
_CHANNELS, _PIXELS, _KERNEL = 64, 28, 3

Floats = NDArray[np.float32]


def gemm() -> Floats:
    """Product of two f32 matrices of 640 × 640: 262 million multiply-accumulates."""
    left, right, _, _ = _operands()
    return left @ right


def convolution() -> Floats:
    """3 × 3 convolution, 64 to 64 channels, 28 × 28 pixels, as patches times weights: 29 million."""
    _, _, images, weights = _operands()
    patches = np.lib.stride_tricks.sliding_window_view(images, (_KERNEL, _KERNEL), axis=(1, 2))
    rows = patches.transpose(1, 2, 0, 3, 4).reshape(_PIXELS * _PIXELS, -1)
    return rows @ weights


def timings_ms(clock_ns: Callable[[], int] = time.perf_counter_ns) -> dict[str, float]:
    """Return the median wall time in ms of each kernel, keys ``gemm`` and ``conv``."""
    return {"gemm": _median_ms(gemm, clock_ns), "conv": _median_ms(convolution, clock_ns)}


def change_percent(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Return by how many percent the kernels became slower (positive) or faster, by geometric mean."""
    return 100 * (prod(after[name] / before[name] for name in before) ** (1 / len(before)) - 1)


def _median_ms(kernel: Callable[[], Floats], clock_ns: Callable[[], int]) -> float:
    kernel()
    samples = []
    for _ in range(_REPEATS):
        start = clock_ns()
        kernel()
        samples.append(clock_ns() - start)
    return median(samples) / 1e6


@cache
def _operands() -> tuple[Floats, Floats, Floats, Floats]:
    generator = np.random.default_rng(0)
    size, padded = _GEMM_SIZE, _PIXELS + _KERNEL - 1

    def draw(*shape: int) -> Floats:
        return generator.standard_normal(shape, dtype=np.float32)

    return (
        draw(size, size),
        draw(size, size),
        draw(_CHANNELS, padded, padded),
        draw(_CHANNELS * _KERNEL * _KERNEL, _CHANNELS),
    )
