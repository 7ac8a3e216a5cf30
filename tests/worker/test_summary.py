from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from perfexp.backends.base import DeviceMemory
from perfexp.config.schema import Cell
from perfexp.measuring.energy import NoMeter, Used
from perfexp.measuring.latency import StopReason, Timing, Warmup
from perfexp.metrics import METRICS
from perfexp.records import Block
from perfexp.worker.reference import Reference
from perfexp.worker.summary import CellSummary
from perfexp.worker.timing import Observation

SEEN = Observation(
    first_ms=7.0,
    effective={},
    warmup=Warmup((3.0, 2.0), True),
    timing=Timing((Block((2.0,) * 9),), StopReason.PRECISION, untimed=1),
    evidence={"cpu_others": 60.0, "cpu_steal": None},
    energy=Used(40.0, 2.0, 5.0),
)
LOGITS = np.random.default_rng(0).standard_normal((4, 10)).astype(np.float32)
REFERENCE = Reference(LOGITS, None)


@pytest.fixture
def cell(make_cell: Callable[..., Cell]) -> Cell:
    return make_cell("fake", batch_size=2)


def test_energy_is_shared_by_all_images_that_ran(cell: Cell) -> None:
    sheet = CellSummary(cell)
    sheet.add_timing(SEEN)
    assert sheet.metrics["energy_per_image_j"] == 40.0 / (10 * 2)
    assert sheet.metrics["energy_above_idle_per_image_j"] == 30.0 / (10 * 2)
    assert sheet.metrics["idle_power_w"] == 5.0
    assert sheet.metrics["warmup_iterations"] == 3
    assert sheet.labels == {"stop_reason": "precision", "warmup_stable": "True"}
    sheet = CellSummary(cell)
    sheet.add_timing(replace(SEEN, energy=NoMeter("no counter")))
    assert sheet.absent["energy_per_image_j"] == "no counter"
    assert "energy_per_image_j" not in sheet.metrics


def test_evidence_is_logged_or_absent_for_its_own_reason(cell: Cell) -> None:
    sheet = CellSummary(cell)
    sheet.add_evidence(SEEN)
    assert (sheet.metrics["cpu_others"], sheet.metrics["drift"]) == (60.0, 0.0)
    assert sheet.absent["cpu_steal"] == "this system does not count it"
    sheet = CellSummary(cell)
    sheet.add_evidence(replace(SEEN, timing=Timing((Block((2.0,) * 5),), StopReason.BUDGET, 0)))
    assert sheet.absent["drift"] == "a drift needs 8 samples, and there are 5"


def test_parity_is_labelled_or_absent(cell: Cell) -> None:
    same, none, broken = CellSummary(cell), CellSummary(cell), CellSummary(cell)
    same.add_parity(LOGITS[:2], REFERENCE)
    none.add_parity(LOGITS, None)
    broken.add_parity(np.full_like(LOGITS, np.nan), REFERENCE)
    assert same.labels["parity"] == "ok"
    assert "parity" not in none.labels
    assert none.absent["parity_cosine"] == "the fake backend computes no network"
    assert broken.labels["parity"] == "beyond tolerance"
    assert "parity_max_error" in broken.absent
    assert set(broken.metrics) == {"parity_top1_agreement"}


def test_device_memory_is_of_the_device_or_absent(cell: Cell) -> None:
    there, host = CellSummary(cell), CellSummary(cell)
    there.add_device_memory(DeviceMemory(50.0, 50.0, 1.0), DeviceMemory(60.0, 90.0, 2.5))
    host.add_device_memory(None, None)
    names = ("device_memory_model_mb", "device_memory_peak_mb", "device_memory_share")
    assert [there.metrics[name] for name in names] == [50.0, 90.0, 2.5]
    assert set(host.absent) == set(names) <= set(METRICS)


def test_energy_below_that_at_rest_is_absent(cell: Cell) -> None:
    sheet = CellSummary(cell)
    sheet.add_timing(replace(SEEN, energy=Used(8.0, 2.0, 5.0)))
    assert "energy_above_idle_per_image_j" not in sheet.metrics
    assert "at rest" in sheet.absent["energy_above_idle_per_image_j"]
