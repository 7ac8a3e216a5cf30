"""The only writer to MLflow: one draft becomes one run, in few calls."""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.errors import TrackingError
from perfexp.store import bulk, connection, delivery, outbox_file, owner, signals, syncing
from perfexp.store.outbox import Outbox
from perfexp.store.outbox_file import QueuedRun
from perfexp.store.run_data import RunData

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Tracker:
    """Writes runs into one experiment; ``root`` is the folder that holds the spool."""

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
        self._spool = Outbox(root)
        self._behind = False

    @property
    def client(self) -> "MlflowClient":
        """The store's client, to read with."""
        return self._client

    def write(self, draft: RunData) -> str:
        """Create the run, fill it and end it, whoever asks to stop meanwhile; returns its id.

        Raises:
            TrackingError: the store refused or is gone.
        """
        with signals.deferred(), connection.explained(self.uri):
            return delivery.write(self._client, self.experiment_id, draft)

    def keep(self, draft: RunData) -> str | None:
        """Write a run that must not be lost: until the store has it, it waits in the spool.

        Returns:
            The run's id; None, after a warning, while the store does not take it.

        Raises:
            TrackingError: neither the store nor the spool could take it.
        """
        kept = QueuedRun(
            outbox_file.new_id(),
            connection.redacted(self.uri),
            self.experiment,
            int(time.time() * 1000),
            draft,
        )
        with signals.deferred(), ExitStack() as held:
            try:
                held.enter_context(self._spool.keeping(kept))
            except OSError as error:
                return self._sent_unkept(kept, error)
            return self._sent(kept)

    def _sent(self, kept: QueuedRun) -> str | None:
        try:
            with connection.explained(self.uri):
                run_id = delivery.send(self._client, self.experiment_id, kept)
        except TrackingError as error:
            self._behind = True
            print(f"{error}\n{kept.draft.name} waits in {self._spool.folder}.", file=sys.stderr, flush=True)
            return None
        self._spool.arrived(kept.id)
        if self._behind:
            self._catch_up()
        return run_id

    def _catch_up(self) -> None:
        """The store is back: it gets what it missed, unless it goes away again."""
        try:
            syncing.told(syncing.deliver(self._spool, self._client, self.uri, self._root))
        except TrackingError:
            return
        self._behind = False

    def _sent_unkept(self, kept: QueuedRun, reason: OSError) -> str:
        try:
            with connection.explained(self.uri):
                return delivery.send(self._client, self.experiment_id, kept)
        except TrackingError as error:
            raise TrackingError(
                f"{kept.draft.name} is lost: {self._spool.folder} cannot be written "
                f"({reason.strerror or reason}), and the store did not take it either. {error}"
            ) from error

    def write_all(self, drafts: Sequence[RunData]) -> list[str]:
        """Write many runs that have no artifacts; returns their ids.

        Raises:
            TrackingError: the store refused or is gone.
        """
        with connection.explained(self.uri):
            ids = bulk.write(self.uri, self.experiment_id, drafts)
        return [self.write(draft) for draft in drafts] if ids is None else ids

    def end_abandoned(self, now: float) -> list[str]:
        """End the runs whose writers died as KILLED, with the reason; returns those reasons.

        Raises:
            TrackingError: the store refused or is gone.
        """
        ended = []
        with connection.explained(self.uri):
            for run in self._client.search_runs([self.experiment_id], "attributes.status = 'RUNNING'"):
                known = owner.parse(run.data.tags.get(delivery.WRITER))
                death = known.death(now) if known else None
                if death:
                    reason = f"The run was not written to its end: {death}."
                    self._client.set_tag(run.info.run_id, "reason", reason)
                    self._client.set_terminated(run.info.run_id, "KILLED")
                    ended.append(f"{run.info.run_name}: {reason}")
        return ended

    def tag(self, run_id: str, name: str, value: str) -> None:
        """Set a tag of a run that was written before.

        Raises:
            TrackingError: the store refused or is gone.
        """
        with connection.explained(self.uri):
            self._client.set_tag(run_id, name, value)

    def discard(self, tags: Mapping[str, str]) -> None:
        """Put all runs with these tags into MLflow's trash.

        Raises:
            TrackingError: the store refused or is gone.
        """
        with connection.explained(self.uri):
            query = " and ".join(f"tags.{name} = '{value}'" for name, value in tags.items())
            for run in self._client.search_runs([self.experiment_id], query):
                self._client.delete_run(run.info.run_id)


def open_tracker(uri: str | None, root: Path, experiment: str | None) -> Tracker:
    """Open, or make, the store and the experiment, and bring it what waits in the spool.

    Raises:
        TrackingError: the store is missing, locked, read-only or does not answer.
    """
    address = connection.resolve(uri, root)
    name = connection.experiment_name(experiment)
    client = connection.connect(address, root)
    tracker = Tracker(client, address, name, connection.experiment_id(client, address, name, root), root)
    syncing.told(syncing.deliver(Outbox(root), client, address, root))
    return tracker
