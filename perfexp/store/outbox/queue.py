"""Runs on their way to the store, each a file below ``mlruns/spool`` until the store has it.

A file appears complete or not at all, and is on the disk before anything is sent, so neither an
unreachable store nor a kill loses a run. The process that sends a file holds the lock beside it;
the lock ends with its process.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from perfexp import scratch
from perfexp.cache import synchronise
from perfexp.console import say
from perfexp.errors import TrackingError
from perfexp.store import connection
from perfexp.store.address import redacted
from perfexp.store.outbox import delivery
from perfexp.store.outbox import file as outbox_file
from perfexp.store.outbox.file import Damaged, QueuedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient


_DAMAGED = "damaged"


class Outbox:
    """The folder of queued runs, each known by its delivery id."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = root.absolute() / "spool"

    @contextmanager
    def hold(self, queued: QueuedRun) -> Iterator[None]:
        """Put the run on disk, and keep other processes from sending it during the body.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        self._prepare()
        with FileLock(self._path(queued.id, "lock")):
            self._put(queued)
            yield

    def remove(self, delivery_id: str) -> None:
        """Remove a run that the store has."""
        self._path(delivery_id, "zip").unlink(missing_ok=True)
        self._path(delivery_id, "lock").unlink(missing_ok=True)

    def waiting(self) -> list[Path]:
        """Return the files of the queued runs, the oldest first."""
        return sorted(self.folder.glob("*.zip"))

    def stores(self) -> list[str]:
        """Return the store of each queued run, without credentials; damaged files are set aside."""
        found = []
        for path in self.waiting():
            try:
                found.append(outbox_file.address(path))
            except FileNotFoundError:  # another process has just delivered it
                pass
            except Damaged as error:
                self._set_aside(path, error)
        return found

    def deliver(self, client: "MlflowClient", uri: str) -> None:
        """Send every queued run that is for this store and that no other process is sending.

        Prints on stderr how many were delivered, and a sentence for each that could not be; damaged files
        are set aside.

        Raises:
            TrackingError: the store does not answer any more.
        """
        count = 0
        self.tidy()
        for path in self.waiting():
            try:
                count += outbox_file.is_for(path, redacted(uri)) and self._deliver(path, client, uri)
            except Damaged as error:
                self._set_aside(path, error)
            except TrackingError as error:
                connection.require_answer(uri)
                say(error, file=sys.stderr)
        if count:
            say(f"Delivered {count} runs that had waited in the spool.", file=sys.stderr, flush=True)

    @contextmanager
    def claim(self, path: Path) -> Iterator[QueuedRun | None]:
        """Give the run to this process alone; None if it was delivered or another process is sending it.

        Raises:
            Damaged: the file cannot be read.
        """
        with ExitStack() as held:
            try:
                held.enter_context(FileLock(self._path(path.stem, "lock"), timeout=0))
            except Timeout:
                yield None
                return
            if path.exists():
                yield held.enter_context(outbox_file.unpacked(path))
            else:
                self.remove(path.stem)
                yield None

    def tidy(self) -> None:
        """Remove incomplete and temporary files whose writers were killed: their locks are free."""
        scratch.remove_abandoned()
        for draft in self.folder.glob("*.draft"):
            with suppress(Timeout), FileLock(self._path(draft.stem, "lock"), timeout=0):
                draft.unlink(missing_ok=True)
                self._path(draft.stem, "lock").unlink(missing_ok=True)

    def _deliver(self, path: Path, client: "MlflowClient", uri: str) -> bool:
        with self.claim(path) as queued:
            if queued is None or queued.store != redacted(uri):
                return False
            experiment_id = connection.experiment_id(client, uri, queued.experiment, self._root)
            with connection.explained(uri):
                delivery.deliver(client, experiment_id, queued, again=True)
            self.remove(queued.id)
        return True

    def _prepare(self) -> None:
        """Make the folder, for its owner alone: what lies in it is sent with the owner's credentials."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.folder.stat().st_mode & 0o077:
            self.folder.chmod(0o700)

    def _set_aside(self, path: Path, error: Damaged) -> None:
        """Move a file that cannot be read out of the way, and say so; it is never deleted."""
        place = self.folder / _DAMAGED
        with suppress(FileNotFoundError):  # another process has just done so
            place.mkdir(exist_ok=True)
            path.replace(place / path.name)
            say(f"{error} It was moved to {place}.", file=sys.stderr, flush=True)
        self._path(path.stem, "lock").unlink(missing_ok=True)

    def _put(self, queued: QueuedRun) -> None:
        draft = self._path(queued.id, "draft")
        try:
            with draft.open("wb") as file:
                outbox_file.pack(queued, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path(queued.id, "zip"))
            synchronise(self.folder)
        except OSError:
            draft.unlink(missing_ok=True)
            self._path(queued.id, "lock").unlink(missing_ok=True)
            raise

    def _path(self, delivery_id: str, suffix: str) -> Path:
        return self.folder / f"{delivery_id}.{suffix}"
