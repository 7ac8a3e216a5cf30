"""Write runs to one MLflow experiment, each in few calls."""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp import signals
from perfexp.console import say
from perfexp.errors import TrackingError
from perfexp.store import bulk, connection, origin, owner, search, silence
from perfexp.store.address import redacted, sqlite_path
from perfexp.store.outbox import delivery
from perfexp.store.outbox import file as outbox_file
from perfexp.store.outbox.file import QueuedRun
from perfexp.store.outbox.queue import Outbox
from perfexp.store.run_data import RunData

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Tracker:
    """Writes runs into one experiment; ``root`` is the folder that holds the outbox.

    ``behind`` says whether runs wait because the store did not take them.
    """

    def __init__(
        self,
        client: "MlflowClient",
        uri: str,
        experiment: str,
        experiment_id: str,
        root: Path = Path("mlruns"),
    ) -> None:
        self._client = client
        self.uri = uri
        self.experiment = experiment
        self.experiment_id = experiment_id
        self._root = root
        self._outbox = Outbox(root)
        self.behind = False
        self._file = _identity(uri)

    def write(self, run: RunData) -> str:
        """Create the run, fill it and end it, before any signal to stop takes effect; return its id.

        Raises:
            TrackingError: the store refused or is gone.
        """
        with signals.deferred():
            return self._deliver(self._queued(run))

    def submit(self, run: RunData) -> str | None:
        """Write a run that must not be lost: it waits in the outbox until the store has it.

        Returns:
            The run's id; None, after a warning, while the store does not take it.

        Raises:
            TrackingError: neither the store nor the outbox could take it.
        """
        queued = self._queued(run)
        with signals.deferred(), ExitStack() as held:
            unheld = None
            try:
                held.enter_context(self._outbox.hold(queued))
            except OSError as error:
                unheld = error
            try:
                run_id = self._deliver(queued)
            except TrackingError as error:
                if unheld:
                    raise TrackingError(
                        f"{run.name} is lost: {self._outbox.folder} cannot be written "
                        f"({unheld.strerror or unheld}), and the store did not take it either. {error}"
                    ) from error
                self.behind = True
                say(f"{error}\n{run.name} waits in {self._outbox.folder}.", file=sys.stderr, flush=True)
                return None
            if not unheld:
                self._outbox.remove(queued.id)
                self._catch_up()
            return run_id

    def write_all(self, runs: Sequence[RunData]) -> list[str]:
        """Write many runs that have no artifacts; return their ids.

        Raises:
            TrackingError: the store refused or is gone.
        """
        with connection.explained(self.uri):
            ids = bulk.write(self.uri, self.experiment_id, runs)
        return [self.write(run) for run in runs] if ids is None else ids

    def end_abandoned(self, now: float) -> list[str]:
        """End the runs whose writers died as KILLED, with the reason; return those reasons.

        ``now`` is of ``time.monotonic``.

        Raises:
            TrackingError: the store refused or is gone.
        """
        ended = []
        with connection.explained(self.uri):
            query = search.mlflow_filter(status="RUNNING")
            running = {run.info.run_id: run for run in search.runs(self._client, self.experiment_id, query)}
            parsed = {key: owner.parse(run.data.tags.get(delivery.WRITER)) for key, run in running.items()}
            writers = {key: writer for key, writer in parsed.items() if writer}
            distant = {key: writer for key, writer in writers.items() if not writer.is_here}
            experiment = f"{redacted(self.uri)} {self.experiment_id}"
            silent_s = silence.seconds(self._root, experiment, distant, now)
            for run_id, writer in writers.items():
                if death := writer.death(silent_s.get(run_id, 0.0)):
                    reason = f"The run was not written to its end: {death}."
                    self._client.set_tag(run_id, delivery.REASON, reason)
                    self._client.set_terminated(run_id, "KILLED")
                    ended.append(f"{running[run_id].info.run_name}: {reason}")
        return ended

    def tag(self, run_id: str, name: str, value: str) -> None:
        """Set a tag of a run that was written before.

        Raises:
            TrackingError: the store refused or is gone.
        """
        with connection.explained(self.uri):
            self._client.set_tag(run_id, name, value)

    def discard(self, **tags: str) -> None:
        """Move all runs with these tags into MLflow's trash.

        Raises:
            TrackingError: the store refused or is gone.
        """
        with connection.explained(self.uri):
            for run in list(search.runs(self._client, self.experiment_id, search.mlflow_filter(**tags))):
                self._client.delete_run(run.info.run_id)

    def _queued(self, run: RunData) -> QueuedRun:
        run = replace(run, tags={**origin.tags(), **run.tags})
        store, now_ms = redacted(self.uri), int(time.time() * 1000)
        return QueuedRun(outbox_file.new_id(), store, self.experiment, now_ms, run)

    def _deliver(self, queued: QueuedRun) -> str:
        with connection.explained(self.uri):
            run_id = delivery.deliver(self._client, self.experiment_id, queued)
        if _identity(self.uri) != self._file:  # what was written is in a file that no other process sees
            raise TrackingError(
                f"The file of {redacted(self.uri)} was removed or replaced since it was opened; put it back, "
                "or run perfexp sync for the new one."
            )
        return run_id

    def _catch_up(self) -> None:
        """Send what waits to a store that answers again, unless it goes away meanwhile."""
        if self.behind:
            with suppress(TrackingError):
                self._outbox.deliver(self._client, self.uri)
                self.behind = False


def _identity(uri: str) -> tuple[int, int] | None:
    """Return what tells an SQLite store's file from another of its name; None for other stores."""
    path = sqlite_path(uri)
    if path is None or not path.is_file():
        return None
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def open_tracker(uri: str | None, root: Path, experiment: str | None) -> Tracker:
    """Open or create the store and the experiment, and deliver the runs that wait in the outbox.

    Raises:
        TrackingError: the store is missing, locked, read-only or does not answer.
    """
    address = connection.resolve(uri, root)
    name = connection.experiment_name(experiment)
    client = connection.connect(address, root)
    tracker = Tracker(client, address, name, connection.experiment_id(client, address, name, root), root)
    Outbox(root).deliver(client, address)
    return tracker
