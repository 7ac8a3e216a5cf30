import multiprocessing
import os
import re
import signal
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from perfexp.errors import BackendError
from perfexp.worker import device_lock


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def hold(ready: Connection, seconds: float) -> None:
    with device_lock.held("cpu", 5.0, print):
        ready.send(True)
        time.sleep(seconds)


def held_elsewhere(seconds: float) -> multiprocessing.process.BaseProcess:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=hold, args=(sender, seconds), daemon=True)
    process.start()
    assert receiver.recv()
    return process


def test_a_second_measurement_waits_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_lock, "_PATIENCE_S", 0.1)
    said: list[str] = []
    held_elsewhere(1.0)
    with device_lock.held("cpu", 30.0, said.append):
        pass
    [line] = said
    assert re.fullmatch(r"Waiting for another measurement on cpu \(process \d+ of \S+\) …", line)
    assert not (device_lock.folder() / "cpu.holder").exists()


def test_waiting_has_a_bound() -> None:
    process = held_elsewhere(60.0)
    words = r"measurement \(process \d+ of .*\) held cpu for 0\.2 s.*measure\.lock_wait_s"
    with pytest.raises(BackendError, match=words), device_lock.held("cpu", 0.2, print):
        pass
    process.kill()


def test_other_devices_are_free_and_nothing_is_said() -> None:
    process = held_elsewhere(60.0)
    said: list[str] = []
    with device_lock.held("cuda-0", 0.2, said.append):
        assert said == []
    process.kill()


def test_the_lock_dies_with_its_holder() -> None:
    process = held_elsewhere(60.0)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    with device_lock.held("cpu", 10.0, print):
        pass


def test_another_user_could_open_it() -> None:
    with device_lock.held("cpu", 1.0, print):
        assert device_lock.folder().stat().st_mode & 0o7777 == 0o1777
        assert (device_lock.folder() / "cpu.lock").stat().st_mode & 0o666 == 0o666


def test_a_lock_that_cannot_be_opened_is_a_sentence() -> None:
    (device_lock.folder() / "cpu.lock").mkdir()
    with pytest.raises(BackendError, match="cannot be opened"), device_lock.held("cpu", 0.2, print):
        pass


def test_a_folder_that_is_a_link_or_closed_is_refused_and_an_old_one_gets_the_sticky_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "perfexp-locks"
    (tmp_path / "elsewhere").mkdir()
    shared.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BackendError, match="is no folder that all users may write"):
        device_lock.folder()
    shared.unlink()
    shared.mkdir(mode=0o777)
    assert device_lock.folder().stat().st_mode & 0o7777 == 0o1777
    shared.chmod(0o755)
    owner = shared.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(BackendError, match="have it removed, or set TMPDIR"):
        device_lock.folder()


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (device_lock.folder() / "cpu.lock").symlink_to(victim)
    with pytest.raises(BackendError, match="cannot be opened"), device_lock.held("cpu", 0.2, print):
        pass
    (device_lock.folder() / "cpu.lock").unlink()
    (device_lock.folder() / "cpu.holder").symlink_to(victim)
    with device_lock.held("cpu", 1.0, print):
        assert "process" in (device_lock.folder() / "cpu.holder").read_text()
    assert victim.read_text() == "kept"
