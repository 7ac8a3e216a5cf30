"""Runs on their way to the store, each a file below ``mlruns/spool`` until the store has it.

A file appears whole or not at all, and is on the disk before anything is sent, so neither a store
that is gone nor a kill loses a run. Who sends a file holds the lock beside it; the lock ends with
its process.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from perfexp.store import outbox_file
from perfexp.store.outbox_file import QueuedRun


class Outbox:
    """The folder of runs that have not arrived yet; each is known by its delivery id."""

    def __init__(self, root: Path) -> None:
        self.folder = root.absolute() / "spool"

    @contextmanager
    def keeping(self, sent: QueuedRun) -> Iterator[None]:
        """Keep the run on disk, and others from sending it during the body.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._lock(sent.id)):
            self._put(sent)
            yield

    def arrived(self, delivery_id: str) -> None:
        """Forget a run that the store has."""
        self._file(delivery_id).unlink(missing_ok=True)
        self._lock(delivery_id).unlink(missing_ok=True)

    def waiting(self) -> list[Path]:
        """The files of the runs that wait, the oldest first."""
        return sorted(self.folder.glob("*.zip"))

    def stores(self) -> list[str]:
        """The store of each run that waits, without credentials.

        Raises:
            TrackingError: a file is damaged or of another format.
        """
        found = []
        for path in self.waiting():
            with suppress(FileNotFoundError):  # it has just arrived
                found.append(outbox_file.address(path))
        return found

    @contextmanager
    def claimed(self, path: Path) -> Iterator[QueuedRun | None]:
        """The run, for this process alone; None if it has arrived, or another process sends it.

        Raises:
            TrackingError: the file is damaged or of another format.
        """
        try:
            with FileLock(self._lock(path.stem), timeout=0):
                if path.exists():
                    with outbox_file.unpacked(path) as found:
                        yield found
                else:
                    self.arrived(path.stem)
                    yield None
        except Timeout:
            yield None

    def tidy(self) -> None:
        """Remove files that a kill cut in the middle: their owners are gone when the lock is free."""
        for draft in self.folder.glob("*.draft"):
            with suppress(Timeout), FileLock(self._lock(draft.stem), timeout=0):
                draft.unlink(missing_ok=True)
                self._lock(draft.stem).unlink(missing_ok=True)

    def _put(self, sent: QueuedRun) -> None:
        draft = self._draft(sent.id)
        try:
            with draft.open("wb") as file:
                outbox_file.pack(sent, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._file(sent.id))
            _synchronise(self.folder)
        except OSError:
            draft.unlink(missing_ok=True)
            self._lock(sent.id).unlink(missing_ok=True)
            raise

    def _file(self, delivery_id: str) -> Path:
        return self.folder / f"{delivery_id}.zip"

    def _draft(self, delivery_id: str) -> Path:
        return self.folder / f"{delivery_id}.draft"

    def _lock(self, delivery_id: str) -> Path:
        return self.folder / f"{delivery_id}.lock"


def _synchronise(folder: Path) -> None:
    """Make the folder's own entries lasting; only POSIX can and must."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
