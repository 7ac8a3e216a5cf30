from collections.abc import Callable

import numpy as np
import pytest

from perfexp.backends.fake import FakeSession
from perfexp.config.schema import Cell, MeasureConfig
from perfexp.errors import BackendError, ConfigError
from perfexp.models.inputs import random_batches
from perfexp.phases import Phases
from perfexp.worker.bench import TimedSession

MakeCell = Callable[..., Cell]


def bench(cell: Cell, latency_ms: float = 0.5, threads: int = 1) -> TimedSession:
    batches = random_batches(0, cell.measure.input_buffers, cell.batch_size, 8)
    return TimedSession(cell, FakeSession(round(latency_ms * 1e6), busy=True), batches, threads)


def test_observation_has_samples_evidence_and_an_end(make_cell: MakeCell) -> None:
    phases = Phases()
    seen = bench(make_cell(batch_size=2)).observe(phases)
    assert min(seen.timing.samples_ms) >= 0.5
    assert seen.batches >= len(seen.timing.samples_ms) >= 3
    assert {"cpu_others", "cpu_wait"} <= seen.evidence.keys()
    assert phases.seconds["timed"] >= sum(seen.timing.samples_ms) / 1e3


def test_settings_that_differ_fail(make_cell: MakeCell) -> None:
    cell = make_cell(batch_size=2)
    subject = bench(cell, threads=1)
    assert subject.begin(Phases())["timed_region"]
    with pytest.raises(BackendError, match="reports threads 1 where 2 was asked for"):
        bench(cell, threads=2).begin(Phases())


def test_a_budget_below_a_batch_fails(make_cell: MakeCell) -> None:
    cell = make_cell(measure=MeasureConfig(budget_s=0.01))
    with pytest.raises(ConfigError, match=r"shorter than one iteration: the first batch took 0\.0"):
        bench(cell, latency_ms=20.0).begin(Phases())


@pytest.mark.parametrize(("batch_size", "images"), [(1, 2), (2, 4), (3, 4), (8, 4)])
def test_outputs_are_those_of_the_first_images(make_cell: MakeCell, batch_size: int, images: int) -> None:
    found = bench(make_cell(batch_size=batch_size)).outputs(4, batches_run=10)
    [stream] = random_batches(0, 1, 8, 8)
    assert np.allclose(found[:, 0], stream.mean(axis=(1, 2, 3))[:images], atol=1e-6)
