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
