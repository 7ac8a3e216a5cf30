"""One parcel becomes one run, however often it is sent: the run carries the parcel's id as a tag."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.store import owner
from perfexp.store.outbox_file import QueuedRun
from perfexp.store.run_data import PARAM_LIMIT, TAG_LIMIT, RunData

if TYPE_CHECKING:
    from mlflow import MlflowClient

TAG, REASON = "delivery_id", "reason"
WRITER = "writer"
"""The tag that tells which process wrote a run."""


def write(client: "MlflowClient", experiment_id: str, draft: RunData) -> str:
    """Create the run, fill it and end it; returns its id. Sent twice it would be two runs."""
    run_id = _create(client, experiment_id, draft, {})
    _fill(client, run_id, draft, int(time.time() * 1000))
    return run_id


def send(client: "MlflowClient", experiment_id: str, parcel: QueuedRun) -> str:
    """Create the parcel's run, fill it and end it; returns its id.

    Raises:
        MlflowException, SQLAlchemyError, OSError: the store refused or is gone.
    """
    run_id = _create(client, experiment_id, parcel.draft, {TAG: parcel.id})
    if client.tracking_uri.startswith("http"):  # the client itself repeats what was not answered
        run_id = _single(client, experiment_id, parcel.id) or run_id
    _fill(client, run_id, parcel.draft, parcel.ended_ms)
    return run_id


def send_again(client: "MlflowClient", experiment_id: str, parcel: QueuedRun) -> str:
    """As :func:`send`, for a parcel that may have arrived before, whole or in part.

    Raises:
        MlflowException, SQLAlchemyError, OSError: the store refused or is gone.
    """
    run_id = _single(client, experiment_id, parcel.id)
    if run_id is None:
        return send(client, experiment_id, parcel)
    _claim(client, run_id, parcel)
    _fill(client, run_id, parcel.draft, parcel.ended_ms)
    return run_id


def _create(client: "MlflowClient", experiment_id: str, draft: RunData, more: Mapping[str, str]) -> str:
    tags = {**_tags(draft), **more}
    run = client.create_run(experiment_id, start_time=draft.started_ms, tags=tags, run_name=draft.name)
    return str(run.info.run_id)


def _claim(client: "MlflowClient", run_id: str, parcel: QueuedRun) -> None:
    """The run is this process's to write, even if it had been taken for abandoned and told so."""
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(k, v) for k, v in _tags(parcel.draft).items()])
    if REASON not in parcel.draft.tags and REASON in client.get_run(run_id).data.tags:
        client.delete_tag(run_id, REASON)


def _tags(draft: RunData) -> dict[str, str]:
    return {k: v[:TAG_LIMIT] for k, v in draft.tags.items()} | {WRITER: owner.this_process().text()}


def _single(client: "MlflowClient", experiment_id: str, delivery_id: str) -> str | None:
    """The run of this delivery; the others of it are deleted."""
    found = client.search_runs([experiment_id], f"tags.{TAG} = '{delivery_id}'")
    ids: list[str] = sorted(run.info.run_id for run in found)
    for other in ids[1:]:
        client.delete_run(other)
    return ids[0] if ids else None


def _fill(client: "MlflowClient", run_id: str, draft: RunData, ended_ms: int) -> None:
    """Everything but the run itself; doing it again changes nothing."""
    from mlflow.entities import Metric, Param

    metrics = [Metric(name, value, ended_ms, step) for name, value, step in draft.metrics]
    params = [Param(k, v[:PARAM_LIMIT]) for k, v in draft.params.items()]
    with _ended_whatever_happens(client, run_id):
        client.log_batch(run_id, metrics, params)
        _write_files(client, run_id, draft.files)
        for folder, path in draft.paths:
            client.log_artifact(run_id, str(path), folder or None)
    client.set_terminated(run_id, draft.status, ended_ms)


@contextmanager
def _ended_whatever_happens(client: "MlflowClient", run_id: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except BaseException:
        with suppress(MlflowException):  # a store that is gone cannot be told
            client.set_terminated(run_id, "FAILED")
        raise


def _write_files(client: "MlflowClient", run_id: str, files: Mapping[str, str | bytes]) -> None:
    if not files:
        return
    with tempfile.TemporaryDirectory(prefix="perfexp-") as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content.encode() if isinstance(content, str) else content)
        client.log_artifacts(run_id, folder)
