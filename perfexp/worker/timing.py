"""A loaded session under observation: the first batch, the checks, the timed batches."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from perfexp.backends.base import Session
from perfexp.config.schema import Cell
from perfexp.measuring import energy, latency, os_counters
from perfexp.measuring.pace import OwnPace, is_own
from perfexp.phases import Phases
from perfexp.records import Block
from perfexp.worker import checks


@dataclass(frozen=True)
class Observation:
    """What was read while one session ran.

    Attributes:
        first_ms: wall time of the very first batch.
        effective: the settings that the runtime reports.
        evidence: the system's counters during the timing.
        energy: used during the timing.
    """

    first_ms: float
    effective: Mapping[str, str]
    warmup: latency.Warmup
    timing: latency.Timing
    evidence: Mapping[str, float | None]
    energy: energy.Used | energy.NoMeter

    @property
    def batches(self) -> int:
        """Batches that ran while counting, the untimed ones included."""
        return len(self.timing.samples_ms) + self.timing.untimed

    @property
    def inputs_run(self) -> int:
        """Inputs that have run, in their order: untimed batches repeat the one just used."""
        return max(1, len(self.warmup.samples_ms), len(self.timing.samples_ms))


def observe(
    cell: Cell,
    session: Session,
    threads: int,
    input_shape: Sequence[int],
    phases: Phases,
    probe: latency.Probe,
    own: OwnPace | None,
) -> Observation:
    """Run the bound batches: the first one, warm-up, then timing between two readings of the counters.

    ``threads`` and ``input_shape`` (of one batch) are what the session must report; ``probe`` reads
    the host's pace, and ``own`` is its own, if it is known.

    Raises:
        BackendError: an effective setting is not the requested one.
        ConfigError: the time budget is shorter than a batch.
    """
    with phases.timed("first inference"):
        first_ms = _first_batch_ms(cell, session)
    effective = checks.confirm_effective(cell.backend, threads, input_shape, session.effective())
    checks.confirm_output(cell.backend, session.output(0).shape, cell.batch_size)
    with phases.timed("rest"):
        counting = energy.Counting(session.gpu_uuid())
    with phases.timed("warm-up"):
        warmup = latency.warm_up(session.infer, cell.measure)
    most = cell.measure.calm_within

    def is_calm(block: Block) -> bool:
        return own is None or most is None or is_own(own.slowdown(block), most)

    before = os_counters.read()
    counting.begin()
    with phases.timed("timed"):
        timing = latency.time_batches(session.infer, cell.measure, probe=probe, is_calm=is_calm)
    used = counting.used()
    evidence = os_counters.between(before, os_counters.read(), threads)
    effective |= {"timed_region": session.timed_region}
    return Observation(first_ms, effective, warmup, timing, evidence, used)


def first_outputs(cell: Cell, session: Session, images: int, inputs_run: int) -> NDArray[np.float32]:
    """Return the latest logits of the first images that ran, at most ``(images, classes)``."""
    used = min(ceil(images / cell.batch_size), inputs_run, cell.measure.input_buffers)
    return np.concatenate([session.output(index) for index in range(used)])[:images]


def _first_batch_ms(cell: Cell, session: Session) -> float:
    """A second batch decides about the budget: a runtime may still set itself up in the first."""
    first_ms = _batch_ms(session)
    budget_s = cell.measure.budget_s * cell.measure.rounds  # of the cell: a round has its share
    if first_ms / 1e3 > budget_s:
        checks.confirm_budget(min(first_ms, _batch_ms(session)), budget_s)
    return first_ms


def _batch_ms(session: Session) -> float:
    start = time.perf_counter_ns()
    session.infer(0)
    return (time.perf_counter_ns() - start) / 1e6
