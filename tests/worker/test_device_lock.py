import getpass
import multiprocessing
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from perfexp.errors import BackendError
from perfexp.worker import device_lock

SYSTEM = "/usr/local/bin:/usr/bin:/bin"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFEXP_LOCKS", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


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


def whose(pid: int | None = None) -> str:
    """What tells the holder, where the kernel tells it."""
    if not Path("/proc/locks").exists():
        return ""
    return rf"\(process {pid or '[0-9]+'} of {getpass.getuser()}\)"


def test_a_second_measurement_waits_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_lock, "_PATIENCE_S", 0.1)
    said: list[str] = []
    held_elsewhere(1.0)
    with device_lock.held("cpu", 30.0, said.append):
        pass
    assert len(said) == 1 and re.match(rf"Waiting for another measurement on cpu.*{whose()}.* …$", said[0])


def test_waiting_has_a_bound() -> None:
    process = held_elsewhere(60.0)
    words = rf"{whose(process.pid)}.* held cpu for 0\.2 s.*measure\.lock_wait_s"
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


def test_every_user_can_hold_it_and_nobody_write_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with device_lock.held("cpu", 1.0, print) as note:
            assert note == ""
    finally:
        os.umask(before)
    assert (tmp_path / "perfexp-cpu.lock").stat().st_mode & 0o777 == 0o444


def a_link(path: Path) -> None:
    (path.parent / "important").write_text("kept")
    path.symlink_to(path.parent / "important")


@pytest.mark.parametrize("planted", [a_link, Path.mkdir, os.mkfifo])
def test_what_another_put_in_its_place_is_not_opened_and_the_run_tells(
    planted: Callable[[Path], None], tmp_path: Path
) -> None:
    planted(tmp_path / "perfexp-cpu.lock")
    with device_lock.held("cpu", 0.2, print) as note:
        assert re.match(r"this user's processes alone: .*perfexp-cpu.lock cannot be used \(.+\)$", note)
        with pytest.raises(BackendError, match="of yours held"), device_lock.held("cpu", 0.2, print):
            pass
    if planted is a_link:
        assert (tmp_path / "important").read_text() == "kept"


def test_without_any_place_for_a_lock_there_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "perfexp-cpu.lock").mkdir()
    (tmp_path / "home").touch()
    with pytest.raises(BackendError, match="PERFEXP_LOCKS"), device_lock.held("cpu", 0.2, print):
        pass


def test_a_folder_of_temporary_files_of_ones_own_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERFEXP_LOCKS")
    shared = device_lock.folder()
    monkeypatch.setenv("TMPDIR", "/nowhere")
    assert device_lock.folder() == shared
    assert shared.stat().st_mode & stat.S_ISVTX


@pytest.mark.skipif(
    os.name != "posix" or os.getuid() != 0 or not shutil.which("python3", path=SYSTEM),
    reason="only root can be another user, who needs a Python outside root's folders",
)
def test_another_user_shares_it_and_cannot_take_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    place.chmod(0o1777)
    monkeypatch.setenv("PERFEXP_LOCKS", str(place))
    tried = (
        f"import fcntl, os; path = '{place}/perfexp-cpu.lock'\n"
        "for attempt in (lambda: os.remove(path), lambda: open(path, 'w'),\n"
        "                lambda: os.rename(path, path + '2'),\n"
        "                lambda: fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)):\n"
        "    try: attempt(); print('done')\n"
        "    except OSError as error: print(type(error).__name__)\n"
    )
    with device_lock.held("cpu", 1.0, print):
        done = subprocess.run(
            ["/usr/bin/env", "python3", "-c", tried],
            user=65534,
            group=65534,
            capture_output=True,
            text=True,
            env={"PATH": SYSTEM},
        )
    shutil.rmtree(place)
    assert done.stdout.split() == ["PermissionError"] * 3 + ["BlockingIOError"], done.stderr
