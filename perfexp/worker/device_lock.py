"""One measurement per device at a time, over all processes and users of a machine."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from perfexp.errors import BackendError

_PATIENCE_S = 3.0
_say = partial(print, flush=True)


def folder() -> Path:
    """Return the folder of the locks: shared by all users, so without the sticky bit."""
    shared = Path(tempfile.gettempdir()) / "perfexp-locks"
    with suppress(FileExistsError):
        shared.mkdir()
        shared.chmod(0o777)
    return shared


@contextmanager
def held(device: str, wait_s: float, report: Callable[[str], None] = _say) -> Iterator[None]:
    """Lock ``device`` for the body; the system releases it when this process ends, however it ends.

    ``report`` receives one line when the wait becomes noticeable.

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
            f"Another perfexp measurement held {device} for {wait_s:g} s; wait for its end, or raise "
            "measure.lock_wait_s (of perfexp evaluate: lock_wait_s)."
        ) from error
    except OSError as error:
        raise BackendError(
            f"The lock {path} cannot be opened ({error.strerror}); remove it or make it writable."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, device: str, wait_s: float, report: Callable[[str], None]) -> None:
    patience_s = min(_PATIENCE_S, wait_s)
    try:
        lock.acquire(timeout=patience_s)
    except Timeout:
        if wait_s <= patience_s:
            raise
        report(f"Waiting for another measurement on {device} …")
        lock.acquire(timeout=wait_s - patience_s, poll_interval=0.2)
