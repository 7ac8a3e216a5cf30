import multiprocessing
import os
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
    assert said == ["Waiting for another measurement on cpu …"]


def test_waiting_has_a_bound() -> None:
    process = held_elsewhere(60.0)
    words = r"held cpu for 0\.2 s.*measure\.lock_wait_s"
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
        assert device_lock.folder().stat().st_mode & 0o777 == 0o777
        assert (device_lock.folder() / "cpu.lock").stat().st_mode & 0o666 == 0o666


def test_a_lock_that_cannot_be_opened_is_a_sentence() -> None:
    (device_lock.folder() / "cpu.lock").mkdir()
    with pytest.raises(BackendError, match="cannot be opened"), device_lock.held("cpu", 0.2, print):
        pass
