"""One measurement per device at a time, over all processes and users of a machine."""

import getpass
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from perfexp.errors import BackendError, one_line

_PATIENCE_S = 3.0
_OPEN = 0o1777
"""For all, and sticky: the kernel then also refuses to follow other users' links in it."""
_LONGEST_HOLDER = 80
_say = partial(print, flush=True)


def folder() -> Path:
    """Return the folder of the locks, shared by all users: each may add a file, none may remove another's.

    Raises:
        BackendError: what is there is no folder, or one that its owner has closed to others.
    """
    shared = Path(tempfile.gettempdir()) / "perfexp-locks"
    with suppress(FileExistsError):
        shared.mkdir()
        shared.chmod(_OPEN)
    found = shared.lstat()
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if stat.S_ISDIR(found.st_mode) and mine and stat.S_IMODE(found.st_mode) != _OPEN:
        shared.chmod(_OPEN)  # as the first releases made it: without the sticky bit
        return shared
    if not stat.S_ISDIR(found.st_mode) or not (mine or found.st_mode & stat.S_IWOTH):
        raise BackendError(
            f"{shared} is no folder that all users may write (it belongs to user {found.st_uid}), so that "
            "measurements cannot wait for each other; have it removed, or set TMPDIR to another folder."
        )
    return shared


@contextmanager
def held(device: str, wait_s: float, report: Callable[[str], None] = _say) -> Iterator[None]:
    """Lock ``device`` for the body; the system releases it when this process ends, however it ends.

    ``report`` receives one line when the wait becomes noticeable. A file beside the lock names who holds
    it; no link is followed to either.

    Raises:
        BackendError: another measurement held the device for all of ``wait_s``, or the lock
            cannot be opened.
    """
    path = folder() / f"{device}.lock"
    lock = FileLock(path, mode=0o666)
    try:
        _acquire(lock, device, wait_s, report)
    except Timeout as error:
        raise BackendError(
            f"Another perfexp measurement{_holder(path)} held {device} for {wait_s:g} s; wait for its end, "
            "or raise measure.lock_wait_s (of perfexp evaluate: lock_wait_s)."
        ) from error
    except OSError as error:
        raise BackendError(
            f"The lock {path} cannot be opened ({error.strerror}); remove it or make it writable."
        ) from error
    named = _name_holder(path)
    try:
        yield
    finally:
        if named is not None:
            named.unlink(missing_ok=True)
        lock.release()


def _name_holder(path: Path) -> Path | None:
    """Write who holds the lock beside it, for people; None where that is not possible."""
    named = path.with_suffix(".holder")
    try:
        named.unlink(missing_ok=True)
        with named.open("x") as file:  # follows no link
            file.write(f"process {os.getpid()} of {getpass.getuser()}")
    except (OSError, KeyError):
        return None
    return named


def _holder(path: Path) -> str:
    """Return who holds the lock, as a part of a sentence."""
    try:
        with path.with_suffix(".holder").open(errors="replace") as file:
            return f" ({one_line(file.read(_LONGEST_HOLDER))})"
    except OSError:
        return ""


def _acquire(lock: FileLock, device: str, wait_s: float, report: Callable[[str], None]) -> None:
    patience_s = min(_PATIENCE_S, wait_s)
    try:
        lock.acquire(timeout=patience_s)
    except Timeout:
        if wait_s <= patience_s:
            raise
        report(f"Waiting for another measurement on {device}{_holder(Path(lock.lock_file))} …")
        lock.acquire(timeout=wait_s - patience_s, poll_interval=0.2)
