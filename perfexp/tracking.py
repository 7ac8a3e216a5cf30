"""The only writer to MLflow: one draft becomes one run, in few calls."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp import bulk, signals, store
from perfexp.draft import PARAM_LIMIT, TAG_LIMIT, Draft

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Tracker:
    """Writes runs into one experiment."""

    def __init__(self, client: "MlflowClient", uri: str, experiment: str, experiment_id: str) -> None:
        self._client = client
        self.uri = uri
        self.experiment = experiment
        self.experiment_id = experiment_id

    def write(self, draft: Draft) -> str:
        """Create the run, fill it and end it, whoever asks to stop meanwhile; returns its id.

        Raises:
            TrackingError: the store refused or is gone.
        """
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value, step in draft.metrics]
        params = [Param(k, v[:PARAM_LIMIT]) for k, v in draft.params.items()]
        tags = [RunTag(k, v[:TAG_LIMIT]) for k, v in draft.tags.items()]
        with signals.deferred(), store.explained(self.uri):
            run = self._client.create_run(
                self.experiment_id, start_time=draft.started_ms, run_name=draft.name
            )
            run_id: str = run.info.run_id
            with self._ended_whatever_happens(run_id):
                self._client.log_batch(run_id, metrics, params, tags)
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
