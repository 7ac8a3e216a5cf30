"""Temporary folders: removed by their process, or, if that was killed, by the next one."""

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from perfexp import scratch
from perfexp.store.outbox.queue import Outbox
from tests.support.processes import forked


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def aged(path: Path) -> None:
    old = time.time() - 3600
    os.utime(path, (old, old))


def killed_within(_number: int) -> None:
    with scratch.folder() as place:
        (place / "samples.json").write_text("[]")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_folder_ends_with_its_body(temporary: Path) -> None:
    with scratch.folder() as place:
        (place / "inner").mkdir()
        assert place.parent == temporary
    assert list(temporary.iterdir()) == []


def test_folders_of_killed_processes_go_at_the_next_start_and_no_others(temporary: Path) -> None:
    assert forked(killed_within, count=3) == [-signal.SIGKILL] * 3
    for left in temporary.iterdir():
        aged(left)
    (temporary / "perfexp-of-somebody").mkdir()
    elsewhere = temporary.parent / "elsewhere"
    elsewhere.mkdir()
    (temporary / f"{scratch._PREFIX}link").symlink_to(elsewhere)
    with scratch.folder() as mine:
        aged(mine)
        assert forked(lambda _: Outbox(temporary).tidy()) == [0]
        assert mine.is_dir()
        kept = {path.name for path in temporary.iterdir()}
    assert kept == {mine.name, "perfexp-of-somebody", f"{scratch._PREFIX}link"}
    assert elsewhere.is_dir()


def test_a_folder_that_was_just_made_is_left(temporary: Path) -> None:
    assert forked(killed_within) == [-signal.SIGKILL]
    scratch.remove_abandoned()
    assert len(list(temporary.iterdir())) == 1
