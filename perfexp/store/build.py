"""Build the RunData of a measured or failed cell, and of a curve."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from perfexp.config.schema import Cell, ModelConfig, SweepConfig
from perfexp.metrics import stored_key
from perfexp.records import FINISHED, Failure, FailureKind, Measurement, Outcome, RunKind, titled
from perfexp.store.notes import cell_note
from perfexp.store.run_data import RunData


@dataclass(frozen=True)
class Request:
    """How a cell was asked for.

    Attributes:
        config_yaml: the resolved configuration.
        command: which repeats it.
        metrics: those that whoever asked waits for, besides those of each outcome.
    """

    config_yaml: str
    command: str
    metrics: tuple[str, ...] = ()


def cell_run(
    cell: Cell,
    key: str,
    outcome: Measurement | Failure,
    started_ms: int,
    request: Request,
    sweep: SweepConfig,
    environment: Mapping[str, str],
    files: Mapping[str, str | bytes] = MappingProxyType({}),
) -> RunData:
    """Return the run of one cell, measured or failed; ``files`` become artifacts beside its own."""
    tags = {
        "kind": RunKind.CELL,
        "cell_key": key,
        "model": cell.model.name,
        "command": request.command,
        "mlflow.note.content": cell_note(outcome, request.command),
        **sweep.tags(),
        **host_tags(environment),
    }
    all_files = {"config.yaml": request.config_yaml, "environment.json": _json(environment), **files}
    metrics: list[tuple[str, float, int]] = []
    status = FINISHED
    if isinstance(outcome, Measurement):
        metrics = [(stored_key(name), value, 0) for name, value in outcome.metrics.items()]
        tags |= outcome.labels
        tags |= {f"effective.{k}": v for k, v in outcome.effective.items()}
        tags |= {f"absent.{k}": v for k, v in outcome.absent.items()}
        all_files |= _measured_files(outcome)
    else:
        status = failed_status(outcome)
        tags |= failure_tags(cell.model, outcome)
        all_files["traceback.txt"] = outcome.traceback or outcome.message
    params = {**sweep.variant, **{k: str(v) for k, v in cell.choices().items()}}
    named = {f"phase_{k.replace(' ', '_').replace('-', '')}_s": v for k, v in outcome.phases_s.items()}
    phases = [(stored_key(name), seconds, 0) for name, seconds in named.items()]
    name = titled(cell.title, sweep.variant)
    return RunData(name, status, started_ms, metrics + phases, params, tags, all_files)


def failed_status(outcome: Failure) -> str:
    """Return MLflow's status of a run without a result."""
    return "KILLED" if outcome.kind == FailureKind.INTERRUPTED else "FAILED"


def failure_tags(model: ModelConfig, outcome: Failure) -> dict[str, str]:
    """Return the tags of a failure, and the model's names as far as the configuration gives them."""
    return {
        "failure": outcome.kind.value,
        "reason": outcome.message,
        "family": model.family or "",
        "display_name": model.display_name or model.name,
    }


def curve_run(
    name: str, first: Outcome, points: Mapping[int, Mapping[str, float]], tags: Mapping[str, str]
) -> RunData:
    """Return a run whose metrics have the batch size as their step, which the UI draws as lines.

    ``first`` is one of its cells, which have all but the batch size in common.
    """
    metrics = [
        (name, value, batch_size)
        for batch_size, values in sorted(points.items())
        for name, value in values.items()
    ]
    params = {"model.name": first.model, "backend.name": first.backend, **first.variant}
    note = "Latency and throughput with step = batch size; each cell is a run of its own."
    all_tags = {**tags, "kind": RunKind.CURVE, "model": first.model, "mlflow.note.content": note}
    now = int(time.time() * 1000)
    return RunData(f"{name} curve", FINISHED, now, metrics, params, all_tags, {})


def _measured_files(outcome: Measurement) -> dict[str, str]:
    samples = {
        "format": outcome.format,
        "unit": "ms",
        "samples_ms": outcome.samples_ms,
        "warmup_ms": outcome.warmup_ms,
        "rounds": [_round(measured) for measured in outcome.rounds],
    }
    return {"samples.json": json.dumps(samples), "certificate.json": _json(outcome.certificate)}


def _round(measured: Measurement) -> dict[str, object]:
    """Return a round with all its samples, those that do not count included."""
    blocks = [asdict(block) for block in measured.blocks]
    return {"began_s": measured.began_s, "warmup_ms": measured.warmup_ms, "blocks": blocks}


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, indent=1)


def host_tags(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of an environment that are tags: the machine, the commit and the versions."""
    names = ("host", "node", "cpu", "cpus", "physical_cores", "system", "git_commit")
    tags = {name: environment[name] for name in names if name in environment}
    return tags | {k: v for k, v in environment.items() if k.startswith("version.")}
