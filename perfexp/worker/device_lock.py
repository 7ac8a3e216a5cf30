"""One measurement per device at a time, over all processes and users of a machine.

The lock is the kernel's, on a file that nobody reads or writes. The folder has the sticky bit, so that only
the file's owner can remove it; a link or anything but a file is not opened.
"""

import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from perfexp.console import say
from perfexp.environment import node
from perfexp.errors import BackendError

_PATIENCE_S, _POLL_S = 3.0, 0.2
_SHARED = ("/run/lock", "/tmp")
_say = partial(say, flush=True)


def folder() -> Path:
    """Return the folder of the locks: PERFEXP_LOCKS, else one that all users share, whatever TMPDIR is."""
    if chosen := os.environ.get("PERFEXP_LOCKS"):
        return Path(chosen)
    shared = (path for path in map(Path, _SHARED) if path.is_dir() and path.stat().st_mode & stat.S_ISVTX)
    return next(shared, Path(tempfile.gettempdir()))


@contextmanager
def held(device: str, wait_s: float, report: Callable[[str], None] = _say) -> Iterator[str]:
    """Lock ``device`` for the body; the system releases it when this process ends, however it ends.

    The body receives why the lock keeps out processes of this user alone, "" where it keeps out all.
    ``report`` receives one line when the wait becomes noticeable.

    Raises:
        BackendError: another measurement held the device for all of ``wait_s``, or no lock can be opened.
    """
    path = folder() / f"perfexp-{device}.lock"
    try:
        descriptor = _opened(path)
    except OSError as error:
        note = f"this user's processes alone: {path} cannot be used ({error.strerror})"
        with _held_by_user(device, wait_s):
            yield note
        return
    try:
        _acquire(descriptor, device, wait_s, report)
        yield ""
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Return a descriptor of the lock's file, which is made where there is none.

    Raises:
        OSError: it is no file, or another user keeps it to themselves.
    """
    import fcntl  # noqa: F401 - where the system has no such locks, this is the place to say so

    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe would wait for its other end
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o444)
        os.fchmod(descriptor, 0o444)
    except FileExistsError:
        descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no file")
    return descriptor


def _acquire(descriptor: int, device: str, wait_s: float, report: Callable[[str], None]) -> None:
    import fcntl

    began, told = time.monotonic(), False
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        waited_s = time.monotonic() - began
        if waited_s >= wait_s:
            raise _busy(f"Another perfexp measurement{_holder(descriptor)}", device, wait_s)
        if waited_s >= _PATIENCE_S and not told:
            report(f"Waiting for another measurement on {device}{_holder(descriptor)} …")
            told = True
        time.sleep(min(_POLL_S, wait_s - waited_s))


def _holder(descriptor: int) -> str:
    """Return " (process N of USER)" as the kernel knows it, "" where it does not tell."""
    inode = os.fstat(descriptor).st_ino
    with suppress(OSError, psutil.Error):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1:2] == ["FLOCK"] and words[5].endswith(f":{inode}"):
                return f" (process {words[4]} of {psutil.Process(int(words[4])).username()})"
    return ""


@contextmanager
def _held_by_user(device: str, wait_s: float) -> Iterator[None]:
    """Lock ``device`` among this user's processes, in their own folder, which machines may share."""
    path = Path.home() / ".cache" / "perfexp" / f"{node()}-{device}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=wait_s, poll_interval=_POLL_S)
    except Timeout as error:
        raise _busy("Another perfexp measurement of yours", device, wait_s) from error
    except OSError as error:
        raise BackendError(
            f"Neither {folder()} nor {path} can hold a lock ({error.strerror}); name a folder that you can "
            "write in PERFEXP_LOCKS."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _busy(what: str, device: str, wait_s: float) -> BackendError:
    return BackendError(
        f"{what} held {device} for {wait_s:g} s; wait for its end, or raise measure.lock_wait_s "
        "(of perfexp evaluate: lock_wait_s)."
    )
