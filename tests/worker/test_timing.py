from collections.abc import Callable

import numpy as np
import pytest

from perfexp.backends.fake import FakeSession
from perfexp.config.schema import Cell, MeasureConfig
from perfexp.errors import BackendError, ConfigError
from perfexp.measuring.pace import unknown
from perfexp.models.images import random_batches
from perfexp.phases import Phases
from perfexp.records import Pace
from perfexp.worker.timing import Observation, first_outputs, observe

MakeCell = Callable[..., Cell]


def bound(cell: Cell, latency_ms: float = 0.5) -> FakeSession:
    session = FakeSession(round(latency_ms * 1e6), busy=True)
    session.bind(random_batches(0, cell.measure.input_buffers, cell.batch_size, 8))
    return session


def observed(cell: Cell, phases: Phases, latency_ms: float = 0.5, threads: int = 1) -> Observation:
    return observe(cell, bound(cell, latency_ms), threads, (cell.batch_size, 3, 8, 8), phases, unknown, None)


def test_observation_has_samples_evidence_and_an_end(make_cell: MakeCell) -> None:
    phases = Phases()
    seen = observed(make_cell(batch_size=2), phases)
    assert min(seen.timing.samples_ms) >= 0.5 and seen.first_ms >= 0.5
    assert seen.batches >= len(seen.timing.samples_ms) >= 3
    assert {"cpu_others", "cpu_wait"} <= seen.evidence.keys()
    assert seen.effective["timed_region"]
    assert phases.seconds["timed"] >= sum(seen.timing.samples_ms) / 1e3


def test_settings_that_differ_fail(make_cell: MakeCell) -> None:
    with pytest.raises(BackendError, match="reports threads 1 where 2 was requested"):
        observed(make_cell(batch_size=2), Phases(), threads=2)


def test_a_budget_below_a_batch_fails(make_cell: MakeCell) -> None:
    cell = make_cell(measure=MeasureConfig(budget_s=0.01, rounds=1))
    with pytest.raises(ConfigError, match=r"shorter than one iteration: the first batch took 0\.0"):
        observed(cell, Phases(), latency_ms=20.0)


@pytest.mark.parametrize(("batch_size", "images"), [(1, 2), (2, 4), (3, 4), (8, 4)])
def test_outputs_are_those_of_the_first_images(make_cell: MakeCell, batch_size: int, images: int) -> None:
    cell = make_cell(batch_size=batch_size)
    found = first_outputs(cell, bound(cell), 4, inputs_run=10)
    [stream] = random_batches(0, 1, 8, 8)
    assert np.allclose(found[:, 0], stream.mean(axis=(1, 2, 3))[:images], atol=1e-6)


def test_untimed_batches_run_no_further_inputs(make_cell: MakeCell) -> None:
    """They count for the energy; an input that never ran has no output."""
    run: set[int] = set()

    class Watched(FakeSession):
        def infer(self, index: int) -> None:
            run.add(index)
            super().infer(index)

    settings = MeasureConfig(
        input_buffers=4,
        warmup_iterations=0,
        warmup_s=0,
        warmup_max_s=0,
        min_iterations=2,
        max_iterations=3,
        min_s=0,
        rel_half_width=1e-9,
    )
    cell = make_cell(measure=settings)
    session = Watched(1_000_000, busy=False)
    session.bind(random_batches(0, 4, 1, 8))
    seen = observe(cell, session, 1, (1, 3, 8, 8), Phases(), lambda: Pace(1.0, 1.0), None)
    assert seen.inputs_run == len(run) == 3 < seen.batches
    assert len(first_outputs(cell, session, 4, seen.inputs_run)) == len(run)
