"""Copy runs with their artifacts from one store into another, each once, however often it is asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp import console, scratch
from perfexp.store import connection, search
from perfexp.store.address import redacted
from perfexp.store.outbox import delivery
from perfexp.store.outbox.file import QueuedRun
from perfexp.store.run_data import RunData

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

COPIED = "copied_from"
_OWN_TAGS = {delivery.TAG, delivery.WRITER, "mlflow.runName"}


@dataclass(frozen=True)
class Place:
    """A store, its address, and the folder in which new experiments keep artifacts."""

    client: "MlflowClient"
    uri: str
    root: Path


def experiments(source: Place) -> list[str]:
    """Return the names of all experiments of the store.

    Raises:
        TrackingError: the store refused.
    """
    with connection.explained(source.uri):
        return search.experiments(source.client)


def copy(source: Place, target: Place, experiment: str) -> tuple[int, int]:
    """Copy an experiment's ended runs; return how many were copied, and how many were there already.

    A run that was copied in part before is completed. Runs that are being written are left for later.

    Raises:
        TrackingError: one of the stores refused or went away; what was copied stays.
    """
    with connection.explained(source.uri):
        found = source.client.get_experiment_by_name(experiment)
        runs = [] if found is None else list(search.runs(source.client, found.experiment_id, ""))
    into = connection.experiment_id(target.client, target.uri, experiment, target.root)
    with connection.explained(target.uri):
        there = {
            run.data.tags[COPIED]
            for run in search.runs(target.client, into, "")
            if COPIED in run.data.tags and run.info.status != "RUNNING"
        }
    ended = [run for run in runs if run.info.status != "RUNNING"]
    left = [run for run in ended if run.info.run_id not in there]
    with console.progress("runs") as begin:
        advance = begin(experiment, len(left))
        for run in reversed(left):  # the oldest first, so that an interrupted copy goes on
            with _content(source, run) as content:
                queued = QueuedRun(
                    run.info.run_id, redacted(target.uri), experiment, run.info.end_time, content
                )
                with connection.explained(target.uri):
                    delivery.deliver(target.client, into, queued, again=True)
            advance()
    return len(left), len(ended) - len(left)


@contextmanager
def _content(source: Place, run: "Run") -> Iterator[RunData]:
    """Yield a run's content; its artifacts lie in a temporary folder meanwhile."""
    tags = {name: value for name, value in run.data.tags.items() if name not in _OWN_TAGS}
    with scratch.folder() as folder:
        with connection.explained(source.uri):
            metrics = _metrics(source.client, run)
            if source.client.list_artifacts(run.info.run_id):
                source.client.download_artifacts(run.info.run_id, "", str(folder))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        yield RunData(
            name=run.info.run_name,
            status=run.info.status,
            started_ms=run.info.start_time,
            metrics=metrics,
            params=run.data.params,
            tags={**tags, COPIED: run.info.run_id},
            paths=[(_below(path.parent, folder), path) for path in files],
        )


def _below(parent: Path, folder: Path) -> str:
    inner = parent.relative_to(folder).as_posix()
    return "" if inner == "." else inner


def _metrics(client: "MlflowClient", run: "Run") -> Sequence[tuple[str, float, int]]:
    """Return all values of the run's metrics; one request per metric only where there are steps."""
    latest = run.data._metric_objs
    if all(metric.step == 0 for metric in latest):
        return [(metric.key, metric.value, 0) for metric in latest]
    histories = [client.get_metric_history(run.info.run_id, metric.key) for metric in latest]
    return [(one.key, one.value, one.step) for history in histories for one in history]
