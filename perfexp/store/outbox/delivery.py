"""Write one queued run to MLflow once, however often it is sent: a tag carries its delivery id."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from perfexp import scratch
from perfexp.cache import synchronise, synchronise_below
from perfexp.store import owner, search
from perfexp.store.outbox.file import QueuedRun
from perfexp.store.run_data import PARAM_LIMIT, TAG_LIMIT, RunData

if TYPE_CHECKING:
    from mlflow import MlflowClient

TAG, REASON = "delivery_id", "reason"
WRITER = "writer"
"""The tag that names the process that wrote a run."""


def deliver(client: "MlflowClient", experiment_id: str, queued: QueuedRun, again: bool = False) -> str:
    """Create the queued run, fill it and end it; return its id.

    Args:
        client: of the store.
        experiment_id: the experiment that the run goes into.
        queued: the run.
        again: an earlier attempt may have written the run, wholly or in part; it is then completed.

    Raises:
        MlflowException, SQLAlchemyError, OSError: the store refused or is gone.
    """
    run_id = _single(client, experiment_id, queued.id) if again else None
    if run_id is not None:
        _take_over(client, run_id, queued.run)
    else:
        run_id = _create(client, experiment_id, queued)
    _fill(client, run_id, queued.run, queued.ended_ms)
    return run_id


def _create(client: "MlflowClient", experiment_id: str, queued: QueuedRun) -> str:
    run, tags = queued.run, {**_tags(queued.run), TAG: queued.id}
    created = client.create_run(experiment_id, start_time=run.started_ms, tags=tags, run_name=run.name)
    run_id = str(created.info.run_id)
    if client.tracking_uri.startswith("http"):  # the client repeats a request that was not answered
        return _single(client, experiment_id, queued.id) or run_id
    return run_id


def _take_over(client: "MlflowClient", run_id: str, run: RunData) -> None:
    """Make this process the run's writer, even if the run had been ended as abandoned."""
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(k, v) for k, v in _tags(run).items()])


def _tags(run: RunData) -> dict[str, str]:
    return {k: v[:TAG_LIMIT] for k, v in run.tags.items()} | {WRITER: owner.this_process().text()}


def _single(client: "MlflowClient", experiment_id: str, delivery_id: str) -> str | None:
    """Return the run of this delivery; delete its duplicates."""
    found = search.runs(client, experiment_id, search.mlflow_filter(**{TAG: delivery_id}))
    ids: list[str] = sorted(run.info.run_id for run in found)
    for duplicate in ids[1:]:
        client.delete_run(duplicate)
    return ids[0] if ids else None


def _fill(client: "MlflowClient", run_id: str, run: RunData, ended_ms: int) -> None:
    """Write everything but the run itself; a repetition changes nothing."""
    from mlflow.entities import Metric, Param
    from mlflow.exceptions import MlflowException

    metrics = [Metric(name, value, ended_ms, step) for name, value, step in run.metrics]
    params = [Param(k, v[:PARAM_LIMIT]) for k, v in run.params.items()]
    try:
        client.log_batch(run_id, metrics, params)
        with scratch.folder() as folder:
            for name, content in run.files.items():
                (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
            if run.files:
                client.log_artifacts(run_id, str(folder))
        for artifact_folder, path in run.paths:
            client.log_artifact(run_id, str(path), artifact_folder or None)
        written = client.get_run(run_id)
        if run.files or run.paths:
            _synchronise_artifacts(str(written.info.artifact_uri))
        if REASON in written.data.tags and REASON not in run.tags:  # another process took this one for dead
            client.delete_tag(run_id, REASON)
    except BaseException:
        with suppress(MlflowException):  # the store may be gone
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, run.status, ended_ms)


def _synchronise_artifacts(uri: str) -> None:
    """Write artifacts in a local folder to the disk, as the database is: a power cut would empty them."""
    place = urlsplit(uri)
    if place.scheme in ("", "file"):
        folder = Path(url2pathname(place.path))
        synchronise_below(folder)
        for parent in folder.parents[:2]:
            synchronise(parent)
