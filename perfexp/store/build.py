"""From records to runs: a measured or failed cell, a curve, a line of a published table."""

import json
import time
from collections.abc import Mapping

from perfexp.charts import samples
from perfexp.config.schema import Cell, ModelConfig
from perfexp.published import Row
from perfexp.records import Failure, FailureKind, Measurement
from perfexp.store.run_data import RunData


def cell_run(
    cell: Cell,
    key: str,
    outcome: Measurement | Failure,
    started_ms: int,
    config_yaml: str,
    sweep: Mapping[str, str],
    environment: Mapping[str, str],
) -> RunData:
    """The run of one cell, measured or failed."""
    tags = {"kind": "cell", "cell_key": key, "model": cell.model.name, **sweep, **host_tags(environment)}
    files: dict[str, str | bytes] = {"config.yaml": config_yaml, "environment.json": _json(environment)}
    metrics: list[tuple[str, float, int]] = []
    status = "FINISHED"
    if isinstance(outcome, Measurement):
        metrics = [(name, value, 0) for name, value in outcome.metrics.items()]
        tags |= outcome.labels
        tags |= {f"effective.{k}": v for k, v in outcome.effective.items()}
        tags |= {f"absent.{k}": v for k, v in outcome.absent.items()}
        files |= _measured_files(cell, outcome)
    else:
        status = failed_status(outcome)
        tags |= failure_tags(cell.model, outcome)
        files["traceback.txt"] = outcome.traceback or outcome.message
    params = {k: str(v) for k, v in cell.choices().items()}
    phases = [(f"phase_{k.replace(' ', '_').replace('-', '')}_s", v, 0) for k, v in outcome.phases_s.items()]
    return RunData(cell.title, status, started_ms, metrics + phases, params, tags, files)


def failed_status(outcome: Failure) -> str:
    """MLflow's status of a run that has no result."""
    return "KILLED" if outcome.kind == FailureKind.INTERRUPTED else "FAILED"


def failure_tags(model: ModelConfig, outcome: Failure) -> dict[str, str]:
    """The kind and the sentence, and what the model is called as far as the configuration says."""
    return {
        "failure": outcome.kind.value,
        "reason": outcome.message,
        "family": model.family or "",
        "display_name": model.display_name or model.name,
    }


def curve_run(
    model: str, backend: str, points: Mapping[int, Mapping[str, float]], tags: Mapping[str, str]
) -> RunData:
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
    return RunData(f"{model} {backend} curve", "FINISHED", now, metrics, params, all_tags, {})


def published_run(row: Row, key: str, title: str, citation: str, now_ms: int) -> RunData:
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
    return RunData(
        name=f"{row.model} {row.backend} b{row.batch_size}",
        status="FINISHED",
        started_ms=now_ms,
        metrics=[(name, value, 0) for name, value in metrics.items()],
        params=params,
        tags={k: v for k, v in tags.items() if v},
    )


def _measured_files(cell: Cell, outcome: Measurement) -> dict[str, str | bytes]:
    low, high = (outcome.metrics.get(f"latency_p50_{end}_ms") for end in ("low", "high"))
    interval = None if low is None or high is None else (low, high)
    files: dict[str, str | bytes] = {
        "samples.json": _samples(outcome),
        "samples.png": samples.draw(outcome.samples_ms, outcome.warmup_ms, cell.title, interval),
        "certificate.json": _json(outcome.certificate),
    }
    if outcome.attempts:
        files["attempts.json"] = _json(outcome.plain_attempts())
    return files


def _samples(outcome: Measurement) -> str:
    return _json(
        {
            "format": outcome.format,
            "unit": "ms",
            "samples_ms": outcome.samples_ms,
            "warmup_ms": outcome.warmup_ms,
        }
    )


def host_tags(environment: Mapping[str, str]) -> dict[str, str]:
    """Of an environment's facts, those that a run is found by: the machine and the versions."""
    wanted = ("host", "node", "cpu", "cpus", "system", "git_commit")
    tags = {name: environment[name] for name in wanted if name in environment}
    return tags | {k: v for k, v in environment.items() if k.startswith("version.")}


def _json(value: object) -> str:
    return json.dumps(value, indent=None if isinstance(value, dict) and "samples_ms" in value else 1)
