from pathlib import Path

import pytest

from perfexp.measuring import energy


def package(folder: Path, number: int, uj: int, span: int = 1000, name: str = "package-0") -> Path:
    path = folder / f"intel-rapl:{number}"
    path.mkdir()
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{uj}\n")
    (path / "max_energy_range_uj").write_text(f"{span}\n")
    return path


def test_packages_are_added_up_and_their_parts_are_not(tmp_path: Path) -> None:
    first, second = package(tmp_path, 0, 100, 10**9), package(tmp_path, 1, 0, 10**9)
    core = tmp_path / "intel-rapl:0:0"
    core.mkdir()
    (core / "energy_uj").write_text("7")
    meter = energy.start(None, tmp_path)
    assert not isinstance(meter, energy.NoMeter)
    (first / "energy_uj").write_text("2000100")
    (second / "energy_uj").write_text("500000")
    assert meter() == pytest.approx(2.5)


def test_the_whole_platform_is_not_added_to_its_package(tmp_path: Path) -> None:
    first, platform = package(tmp_path, 0, 0, 10**9), package(tmp_path, 1, 0, 10**9, "psys")
    meter = energy.start(None, tmp_path)
    assert not isinstance(meter, energy.NoMeter)
    (first / "energy_uj").write_text("2000000")
    (platform / "energy_uj").write_text("5000000")
    assert meter() == pytest.approx(2.0)


def test_a_platform_counter_alone_is_no_meter_of_the_processor(tmp_path: Path) -> None:
    package(tmp_path, 0, 0, 10**9, "psys")
    found = energy.start(None, tmp_path)
    assert isinstance(found, energy.NoMeter)
    assert "no energy counter of a processor package" in found.reason


def test_power_at_rest_is_measured_before_and_subtracted(tmp_path: Path) -> None:
    counter, now_s = package(tmp_path, 0, 0, 10**9) / "energy_uj", 0.0

    def run(seconds: float, watts: float) -> None:
        nonlocal now_s
        now_s += seconds
        counter.write_text(str(round(int(counter.read_text()) + 1e6 * watts * seconds)))

    counting = energy.Counting(None, tmp_path, lambda: now_s, lambda seconds: run(seconds, 8.0))
    run(3.0, 50.0)
    counting.begin()
    run(2.0, 20.0)
    used = counting.used()
    assert isinstance(used, energy.Used)
    assert (used.joules, used.seconds, used.idle_w) == pytest.approx((40.0, 2.0, 8.0))
    assert used.above_idle_j == pytest.approx(24.0)


def test_no_meter_waits_for_nothing(tmp_path: Path) -> None:
    slept: list[float] = []
    assert isinstance(energy.Counting(None, tmp_path, sleep=slept.append).used(), energy.NoMeter)
    assert not slept


def test_a_counter_that_ran_over_is_continued(tmp_path: Path) -> None:
    path = package(tmp_path, 0, 900, span=999)
    meter = energy.start(None, tmp_path)
    assert not isinstance(meter, energy.NoMeter)
    (path / "energy_uj").write_text("150")
    assert meter() == pytest.approx(250e-6)


def test_a_machine_without_counters_says_so(tmp_path: Path) -> None:
    found = energy.start(None, tmp_path / "none")
    assert isinstance(found, energy.NoMeter)
    assert "offers no energy counter of a processor package" in found.reason


def test_a_counter_that_is_roots_says_so(tmp_path: Path) -> None:
    (package(tmp_path, 0, 1) / "energy_uj").unlink()
    found = energy.start(None, tmp_path)
    assert isinstance(found, energy.NoMeter)
    assert "cannot be read" in found.reason


def test_a_device_that_nvml_does_not_know_says_so() -> None:
    found = energy.start("GPU-00000000-0000-0000-0000-000000000000")
    assert isinstance(found, energy.NoMeter)
    assert "NVML counts no energy" in found.reason
