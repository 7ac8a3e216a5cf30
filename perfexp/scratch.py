"""Temporary folders, each locked while its process lives: those of processes that were killed are removed."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "perfexp-scratch-"
_FRESH_S = 60.0
"""A younger folder may be one that its process has not locked yet."""


@contextmanager
def folder() -> Iterator[Path]:
    """Yield an empty folder that is removed after the body."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        descriptor = _locked(Path(name))
        try:
            yield Path(name)
        finally:
            if descriptor is not None:
                os.close(descriptor)


def remove_abandoned() -> None:
    """Remove this user's folders whose processes ended without doing so."""
    if os.name != "posix":
        return
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # its process has just ended, or it is another user's
            facts = path.lstat()
            if facts.st_uid != os.geteuid() or time.time() - facts.st_mtime < _FRESH_S:
                continue
            descriptor = _locked(path)
            if descriptor is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(descriptor)


def _locked(path: Path) -> int | None:
    """Lock a folder; return the descriptor that holds the lock, None where it cannot be had."""
    if os.name != "posix":
        return None
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process holds it, or the file system knows no such locks
        os.close(descriptor)
        return None
    return descriptor
