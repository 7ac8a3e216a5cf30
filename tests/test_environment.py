from pathlib import Path

import pytest

from perfexp import environment


def test_snapshot_has_what_a_number_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    facts = environment.snapshot()
    assert {"host", "cpu", "cpus", "version.torch", "version.openvino", "version.python"} <= facts.keys()
    assert facts["env.OMP_NUM_THREADS"] == "3"


def test_no_commit_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment.git_commit.cache_clear()
    assert environment.git_commit() is None
    environment.git_commit.cache_clear()


@pytest.mark.parametrize(
    ("cores", "quota", "expected"),
    [
        ([0, 0, 1, 1], "max 100000", 2),
        ([0, 1, 2, 3], "max 100000", 4),
        ([0, 1, 2, 3], "250000 100000", 2),
        ([0, 1, 2, 3], "50000 100000", 1),
        ([None] * 4, None, 4),
    ],
)
def test_a_thread_for_each_core_within_the_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: list[int | None], quota: str | None, expected: int
) -> None:
    monkeypatch.setattr(environment, "usable_cpus", lambda: set(range(len(cores))))
    for cpu, core in enumerate(cores):
        folder = tmp_path / "cpus" / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        if core is not None:
            (folder / "physical_package_id").write_text("0\n")
            (folder / "core_id").write_text(f"{core}\n")
    group = tmp_path / "all" / "mine"
    group.mkdir(parents=True)
    if quota:
        (group.parent / "cpu.max").write_text(f"{quota}\n")
    assert environment.physical_cores(tmp_path / "cpus", group) == expected


def test_this_machine_has_a_core() -> None:
    assert 1 <= environment.physical_cores() <= len(environment.usable_cpus())
