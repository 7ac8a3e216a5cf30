from pathlib import Path

import pytest

from perfexp.measure import energy


def package(folder: Path, number: int, uj: int, span: int = 1000) -> Path:
    path = folder / f"intel-rapl:{number}"
    path.mkdir()
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


def test_a_counter_that_ran_over_is_continued(tmp_path: Path) -> None:
    path = package(tmp_path, 0, 900, span=999)
    meter = energy.start(None, tmp_path)
    assert not isinstance(meter, energy.NoMeter)
    (path / "energy_uj").write_text("150")
    assert meter() == pytest.approx(250e-6)


def test_a_machine_without_counters_says_so(tmp_path: Path) -> None:
    found = energy.start(None, tmp_path / "none")
    assert isinstance(found, energy.NoMeter)
    assert "offers no energy counter" in found.reason


def test_a_counter_that_is_roots_says_so(tmp_path: Path) -> None:
    (package(tmp_path, 0, 1) / "energy_uj").unlink()
    found = energy.start(None, tmp_path)
    assert isinstance(found, energy.NoMeter)
    assert "cannot be read" in found.reason


def test_a_device_that_nvml_does_not_know_says_so() -> None:
    found = energy.start("GPU-00000000-0000-0000-0000-000000000000")
    assert isinstance(found, energy.NoMeter)
    assert "NVML counts no energy" in found.reason
