"""The only writer to MLflow: one cell becomes one run, in few calls."""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp import bulk, store
from perfexp.config import Cell
from perfexp.draft import PARAM_LIMIT, TAG_LIMIT, Draft
from perfexp.records import Failure, FailureKind, Measurement
from perfexp.sources import Row

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
        """Create the run, fill it and end it; returns its id.

        Raises:
            TrackingError: the store refused or is gone.
        """
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value, step in draft.metrics]
        params = [Param(k, v[:PARAM_LIMIT]) for k, v in draft.params.items()]
        tags = [RunTag(k, v[:TAG_LIMIT]) for k, v in draft.tags.items()]
        with store.explained(self.uri):
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

    def _write_files(self, run_id: str, files: Mapping[str, str]) -> None:
        if not files:
            return
        with tempfile.TemporaryDirectory(prefix="perfexp-") as folder:
            for name, text in files.items():
                Path(folder, name).write_text(text, encoding="utf-8")
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


def draft_cell(
    cell: Cell,
    key: str,
    outcome: Measurement | Failure,
    started_ms: int,
    config_yaml: str,
    sweep: Mapping[str, str],
    environment: Mapping[str, str],
) -> Draft:
    """The run of one cell, measured or failed."""
    tags = {"kind": "cell", "cell_key": key, "model": cell.model.name, **sweep, **_host_tags(environment)}
    files = {"config.yaml": config_yaml, "environment.json": _json(environment)}
    metrics: list[tuple[str, float, int]] = []
    status = "FINISHED"
    if isinstance(outcome, Measurement):
        metrics = [(name, value, 0) for name, value in outcome.metrics.items()]
        tags |= outcome.labels
        tags |= {f"effective.{k}": v for k, v in outcome.effective.items()}
        tags |= {f"absent.{k}": v for k, v in outcome.absent.items()}
        files["samples.json"] = _samples(outcome)
    else:
        status = "KILLED" if outcome.kind == FailureKind.INTERRUPTED else "FAILED"
        tags |= {"failure": outcome.kind.value, "reason": outcome.message}
        display_name = cell.model.display_name or cell.model.name
        tags |= {"family": cell.model.family or "", "display_name": display_name}
        files["traceback.txt"] = outcome.traceback or outcome.message
    params = {k: str(v) for k, v in cell.choices().items()}
    phases = [(f"phase_{k.replace(' ', '_').replace('-', '')}_s", v, 0) for k, v in outcome.phases_s.items()]
    return Draft(cell.title, status, started_ms, metrics + phases, params, tags, files)


def draft_curve(
    model: str, backend: str, points: Mapping[int, Mapping[str, float]], tags: Mapping[str, str]
) -> Draft:
    """One run whose metrics have the batch size as their step, for the UI to draw as lines."""
    metrics = [
        (name, value, batch_size)
        for batch_size, values in sorted(points.items())
        for name, value in values.items()
    ]
    params = {"model.name": model, "backend.name": backend}
    note = "Latency and throughput with step = batch size; its cells are runs of their own."
    all_tags = {**tags, "kind": "curve", "model": model, "mlflow.note.content": note}
    now = int(time.time() * 1000)
    return Draft(f"{model} {backend} curve", "FINISHED", now, metrics, params, all_tags, {})


def draft_published(row: Row, key: str, title: str, citation: str, now_ms: int) -> Draft:
    """The run of one line of a published table: a cell's shape, but of the kind ``published``."""
    per_image_ms = row.latency_mean_ms / row.batch_size
    metrics = {
        "latency_mean_ms": row.latency_mean_ms,
        "latency_per_image_ms": per_image_ms,
        "throughput_images_per_s": 1e3 / per_image_ms,
        **row.metrics,
    }
    params = {
        "model.name": row.model,
        "backend.name": row.backend,
        "batch_size": str(row.batch_size),
        **row.params,
    }
    source = {"published_in": title, "citation": citation, "table_line": row.where}
    tags = {"kind": "published", "cell_key": key, "model": row.model, **row.tags, **source}
    return Draft(
        name=f"{row.model} {row.backend} b{row.batch_size}",
        status="FINISHED",
        started_ms=now_ms,
        metrics=[(name, value, 0) for name, value in metrics.items()],
        params=params,
        tags={k: v for k, v in tags.items() if v},
    )


def _samples(outcome: Measurement) -> str:
    return _json(
        {
            "format": outcome.format,
            "unit": "ms",
            "samples_ms": outcome.samples_ms,
            "warmup_ms": outcome.warmup_ms,
        }
    )


def _host_tags(environment: Mapping[str, str]) -> dict[str, str]:
    wanted = ("host", "cpu", "cpus", "system", "git_commit")
    tags = {name: environment[name] for name in wanted if name in environment}
    return tags | {k: v for k, v in environment.items() if k.startswith("version.")}


def _json(value: object) -> str:
    return json.dumps(value, indent=None if isinstance(value, dict) and "samples_ms" in value else 1)
