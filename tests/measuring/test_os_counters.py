import multiprocessing
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from perfexp.measuring import os_counters
from perfexp.measuring.os_counters import Counters

BEFORE = Counters(
    wall_s=100.0,
    own_cpu_s=5.0,
    busy_s=50.0,
    steal_s=1.0,
    stalled_s=2.0,
    waited_s=3.0,
    involuntary_switches=10,
    page_faults=100,
    throttled_s=0.0,
    frequency_mhz=2000.0,
)


def after(**changes: float | None) -> Counters:
    return replace(BEFORE, **{"wall_s": 102.0, **changes})


def test_shares_of_known_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os_counters, "usable_cpus", lambda: {0, 1})
    found = os_counters.between(
        BEFORE,
        after(
            own_cpu_s=8.0,
            busy_s=54.02,
            steal_s=1.1,
            stalled_s=2.5,
            waited_s=3.4,
            involuntary_switches=50,
            page_faults=500,
            frequency_mhz=1900.0,
        ),
        threads=2,
    )
    assert found == pytest.approx(
        {
            "cpu_own": 75.0,
            "cpu_others": 25.0,
            "cpu_steal": 2.5,
            "cpu_pressure": 25.0,
            "cpu_wait": 10.0,
            "cpu_throttled": 0.0,
            "involuntary_switches_per_s": 10.0,
            "page_faults_per_s": 200.0,
            "frequency_change": -5.0,
        }
    )


def test_what_is_not_counted_is_none() -> None:
    names = (
        "steal_s", "stalled_s", "waited_s", "throttled_s", "frequency_mhz", "involuntary_switches",
        "page_faults",
    )  # fmt: skip
    blind = dict.fromkeys(names)
    found = os_counters.between(replace(BEFORE, **blind), after(**blind), threads=1)
    assert {name for name, value in found.items() if value is not None} == {"cpu_own", "cpu_others"}
    assert len(found) == 9


def test_a_system_without_proc_is_read(tmp_path: Path) -> None:
    counters = os_counters.read(tmp_path)
    assert counters.stalled_s is None
    assert counters.waited_s is None
    assert counters.own_cpu_s > 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_a_busy_neighbour_is_seen() -> None:
    neighbour = multiprocessing.get_context("spawn").Process(target=_burn, daemon=True)
    neighbour.start()
    time.sleep(1.0)
    try:
        before = os_counters.read()
        time.sleep(0.5)
        found = os_counters.between(before, os_counters.read(), 1)
    finally:
        neighbour.kill()
    assert found["cpu_others"] > 25
    assert found["cpu_own"] < 25


def _burn() -> None:
    while True:
        pass


def test_drift_compares_the_halves() -> None:
    assert os_counters.drift_percent([1.0] * 50 + [9.0] + [1.1] * 50) == pytest.approx(10.0)
    assert os_counters.drift_percent([1.0, 2.0] * 50) == 0.0
    assert os_counters.drift_percent([1.0] * 7) is None


@pytest.mark.parametrize(
    ("stat", "seconds"),
    [
        ("usage_usec 9\nnr_throttled 2\nthrottled_usec 1500000\n", 1.5),
        ("nr_throttled 2\nthrottled_time 1500000000\n", 1.5),
        ("usage_usec 9\n", None),
    ],
)
def test_throttling_is_read_from_either_kind_of_group(
    tmp_path: Path, stat: str, seconds: float | None
) -> None:
    (tmp_path / "cpu.stat").write_text(stat)
    assert os_counters._throttled_s(tmp_path / "cpu.stat") == seconds
    assert os_counters._throttled_s(None) is None


@pytest.mark.parametrize("content", [None, "nonsense in here\n"])
def test_a_counter_that_cannot_be_read_is_none(tmp_path: Path, content: str | None) -> None:
    proc, clock = tmp_path / "proc", tmp_path / "cpus" / "cpu0" / "cpufreq" / "scaling_cur_freq"
    for path in (proc / "pressure" / "cpu", proc / "self" / "task" / "1" / "schedstat", clock):
        path.parent.mkdir(parents=True)
        path.mkdir() if content is None else path.write_text(content)
    counters = os_counters.read(proc, tmp_path / "cpus")
    assert (counters.stalled_s, counters.waited_s, counters.frequency_mhz) == (None, None, None)
    assert os_counters._throttled_s(clock) is None
