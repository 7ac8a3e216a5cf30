"""The only writer to MLflow: one draft becomes one run, in few calls."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp import bulk, signals, store, writer
from perfexp.draft import PARAM_LIMIT, TAG_LIMIT, Draft

if TYPE_CHECKING:
    from mlflow import MlflowClient


WRITER = "writer"
"""The tag that tells which process wrote a run."""


class Tracker:
    """Writes runs into one experiment."""

    def __init__(self, client: "MlflowClient", uri: str, experiment: str, experiment_id: str) -> None:
        self._client = client
        self.uri = uri
        self.experiment = experiment
        self.experiment_id = experiment_id

    @property
    def client(self) -> "MlflowClient":
        """The store's client, to read with."""
        return self._client

    def write(self, draft: Draft) -> str:
        """Create the run, fill it and end it, whoever asks to stop meanwhile; returns its id.

        Raises:
            TrackingError: the store refused or is gone.
        """
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value, step in draft.metrics]
        params = [Param(k, v[:PARAM_LIMIT]) for k, v in draft.params.items()]
        tags = {k: v[:TAG_LIMIT] for k, v in draft.tags.items()} | {WRITER: writer.this_process().text()}
        with signals.deferred(), store.explained(self.uri):
            run = self._client.create_run(
                self.experiment_id, start_time=draft.started_ms, tags=tags, run_name=draft.name
            )
            run_id: str = run.info.run_id
            with self._ended_whatever_happens(run_id):
                self._client.log_batch(run_id, metrics, params)
                self._write_files(run_id, draft.files)
                for folder, path in draft.paths:
                    self._client.log_artifact(run_id, str(path), folder or None)
            self._client.set_terminated(run_id, draft.status)
        return run_id

    def write_all(self, drafts: Sequence[Draft]) -> list[str]:
        """Write many runs that have no artifacts; returns their ids.

        Raises:
            TrackingError: the store refused or is gone.
        """
        with store.explained(self.uri):
            ids = bulk.write(self.uri, self.experiment_id, drafts)
        return [self.write(draft) for draft in drafts] if ids is None else ids

    def end_abandoned(self, now: float) -> list[str]:
        """End the runs whose writers died as KILLED, with the reason; returns those reasons.

        Raises:
            TrackingError: the store refused or is gone.
        """
        ended = []
        with store.explained(self.uri):
            for run in self._client.search_runs([self.experiment_id], "attributes.status = 'RUNNING'"):
                known = writer.parse(run.data.tags.get(WRITER))
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
        with store.explained(self.uri):
            self._client.set_tag(run_id, name, value)

    def discard(self, tags: Mapping[str, str]) -> None:
        """Put all runs with these tags into MLflow's trash.

        Raises:
            TrackingError: the store refused or is gone.
        """
        with store.explained(self.uri):
            query = " and ".join(f"tags.{name} = '{value}'" for name, value in tags.items())
            for run in self._client.search_runs([self.experiment_id], query):
                self._client.delete_run(run.info.run_id)

    @contextmanager
    def _ended_whatever_happens(self, run_id: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._client.set_terminated(run_id, "FAILED")
            raise

    def _write_files(self, run_id: str, files: Mapping[str, str | bytes]) -> None:
        if not files:
            return
        with tempfile.TemporaryDirectory(prefix="perfexp-") as folder:
            for name, content in files.items():
                Path(folder, name).write_bytes(content.encode() if isinstance(content, str) else content)
            self._client.log_artifacts(run_id, folder)


def open_tracker(uri: str | None, root: Path, experiment: str | None) -> Tracker:
    """Open, or make, the store and the experiment.

    Raises:
        TrackingError: the store is missing, locked, read-only or does not answer.
    """
    address = store.resolve(uri, root)
    name = store.experiment_name(experiment)
    client = store.connect(address, root)
    return Tracker(client, address, name, store.experiment_id(client, address, name, root))
