"""Timing batches: warm up, repeat until the plan is satisfied, keep every sample."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from perfexp.config import MeasureConfig


@dataclass(frozen=True)
class Timing:
    """Wall times of batches in ms, in the order they ran."""

    warmup_ms: tuple[float, ...]
    samples_ms: tuple[float, ...]


def time_batches(
    infer: Callable[[int], None], plan: MeasureConfig, clock_ns: Callable[[], int] = time.perf_counter_ns
) -> Timing:
    """Time ``infer(index)``, the index going round over ``plan.input_buffers`` inputs."""
    warmup = _repeat(
        infer, clock_ns, plan.input_buffers, plan.warmup_iterations, plan.max_iterations, plan.warmup_s
    )
    with _no_garbage_collection():
        samples = _repeat(
            infer, clock_ns, plan.input_buffers, plan.min_iterations, plan.max_iterations, plan.budget_s
        )
    return Timing(tuple(warmup), tuple(samples))


def _repeat(
    infer: Callable[[int], None],
    clock_ns: Callable[[], int],
    buffers: int,
    least: int,
    most: int,
    budget_s: float,
) -> list[float]:
    samples_ns: list[int] = []
    began = end = clock_ns()
    while len(samples_ns) < most and (len(samples_ns) < least or end - began < budget_s * 1e9):
        index = len(samples_ns) % buffers
        start = clock_ns()
        infer(index)
        end = clock_ns()
        samples_ns.append(end - start)
    return [ns / 1e6 for ns in samples_ns]


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def summarise(samples_ms: tuple[float, ...], batch_size: int) -> dict[str, float]:
    """Metrics of one cell from its raw samples, as named in :mod:`perfexp.metrics`."""
    median = statistics.median(samples_ms)
    metrics = {
        "latency_p50_ms": median,
        "latency_mean_ms": statistics.fmean(samples_ms),
        "latency_min_ms": min(samples_ms),
        "latency_max_ms": max(samples_ms),
        "latency_per_image_ms": median / batch_size,
        "throughput_images_per_s": batch_size / (median / 1e3),
        "iterations": float(len(samples_ms)),
    }
    if len(samples_ms) > 1:
        metrics["latency_std_ms"] = statistics.stdev(samples_ms)
    return metrics
