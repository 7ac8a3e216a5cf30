"""A loaded session under observation: its first batch, what must hold, the timed batches."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from perfexp.backends.base import Session
from perfexp.config.schema import Cell
from perfexp.measure import energy, latency, os_counters
from perfexp.models.base import Images
from perfexp.phases import Phases
from perfexp.worker import checks


@dataclass(frozen=True)
class Observation:
    """The very first batch, those before timing, the timed ones, and what was counted during those."""

    first_ms: float
    warmup: latency.Warmup
    timing: latency.Timing
    evidence: dict[str, float | None]
    energy_j: float | energy.NoMeter

    @property
    def batches(self) -> int:
        """Batches that ran while counting, the untimed ones included."""
        return len(self.timing.samples_ms) + self.timing.untimed


class TimedSession:
    """Runs one cell's batches; ``threads`` is what the backend was told to use."""

    def __init__(self, cell: Cell, session: Session, batches: Sequence[Images], threads: int) -> None:
        self._cell, self._session, self._threads = cell, session, threads
        self._input_shape = batches[0].shape
        self._first_ms = 0.0
        session.bind(batches)

    def begin(self, phases: Phases) -> dict[str, str]:
        """Infer for the first time; returns what the runtime really uses.

        Raises:
            BackendError: it is not what was asked.
            ConfigError: the budget is shorter than a batch, the second one included, because a
                runtime may still set itself up in the first.
        """
        cell, session = self._cell, self._session
        with phases.timed("first inference"):
            self._first_ms = self._batch_ms()
            if self._first_ms / 1e3 > cell.measure.budget_s:
                checks.confirm_budget(min(self._first_ms, self._batch_ms()), cell.measure.budget_s)
        found = session.effective()
        wanted = checks.expected(cell.backend, self._threads, self._input_shape)
        checks.confirm_effective(cell.backend, wanted, found)
        checks.confirm_output(cell.backend, session.output(0).shape, cell.batch_size)
        return {**found, "timed_region": session.timed_region}

    def _batch_ms(self) -> float:
        start = time.perf_counter_ns()
        self._session.infer(0)
        return (time.perf_counter_ns() - start) / 1e6

    def observe(self, phases: Phases) -> Observation:
        """Warm up and time, with the system's counters and the energy read around the timing."""
        plan, infer = self._cell.measure, self._session.infer
        with phases.timed("warm-up"):
            warmup = latency.warm_up(infer, plan)
        before = os_counters.read()
        meter = energy.start(self._session.gpu_uuid())
        with phases.timed("timed"):
            timing = latency.time_batches(infer, plan)
        energy_j = meter if isinstance(meter, energy.NoMeter) else meter.joules()
        found = os_counters.between(before, os_counters.read(), self._threads)
        return Observation(self._first_ms, warmup, timing, found, energy_j)

    def outputs(self, images: int, batches_run: int) -> NDArray[np.float32]:
        """Logits of the first images, as the latest batches left them, shape ``(images, classes)``.

        Fewer, where the input buffers hold fewer or not all of them were used.
        """
        needed = ceil(images / self._cell.batch_size)
        used = min(needed, batches_run, self._cell.measure.input_buffers)
        return np.concatenate([self._session.output(index) for index in range(used)])[:images]
