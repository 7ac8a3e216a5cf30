import getpass
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from perfexp.config.schema import Cell, SweepConfig
from perfexp.records import Block, Failure, FailureKind, Measurement, Outcome, Pace
from perfexp.store import silence
from perfexp.store.build import Request, cell_run, curve_run
from perfexp.store.owner import STALE_AFTER_S, this_process
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker, open_tracker

MEASUREMENT = Measurement(
    metrics={"latency_p50_ms": 1.23456789012345, "params": 10.0},
    absent={"model_size_mb": "the fake backend stores no model"},
    samples_ms=(1.1, 1.23456789012345, 1.5),
    warmup_ms=(9.0,),
    effective={"threads": "1"},
    labels={"family": "SqueezeNet", "published_weights": "SqueezeNet1_1_Weights.IMAGENET1K_V1"},
    environment={"host": "here", "version.torch": "2"},
    phases_s={"worker start": 0.1},
    certificate={"verdict": "clean", "reasons": []},
)


def written(tracker: Tracker, cell: Cell, outcome: Measurement | Failure):
    environment = {"host": "here", "cpu": "fast", "version.torch": "2"}
    run = cell_run(
        cell,
        "key1",
        outcome,
        1000,
        Request("batch_size: 1\n", "perfexp model=squeezenet1_1"),
        SweepConfig(id="s-1", axes="backend.threads=1&input_size=64"),
        environment,
        {"samples.png": b"\x89PNG"},
    )
    client = MlflowClient(tracker.uri)
    return client, client.get_run(tracker.write(run))


def test_a_measurement_is_a_finished_run(tracker: Tracker, make_cell: Callable[..., Cell]) -> None:
    client, run = written(tracker, make_cell(), MEASUREMENT)
    assert (run.info.status, run.info.start_time) == ("FINISHED", 1000)
    assert run.data.metrics["latency_p50_ms"] == 1.23456789012345
    assert "model_size_mb" not in run.data.metrics
    assert run.data.params["model.name"] == "squeezenet1_1"
    assert run.data.params["backend.latency_ms"] == "1.0"
    assert run.data.tags["absent.model_size_mb"] == "the fake backend stores no model"
    assert run.info.run_name == "squeezenet1_1 fake b1 threads=1 input_size=64"
    assert run.info.user_id == run.data.tags["mlflow.user"] == getpass.getuser()
    assert (run.data.tags["mlflow.source.name"], run.data.tags["mlflow.source.type"]) == ("perfexp", "LOCAL")
    note = run.data.tags["mlflow.note.content"]
    assert "**1.235 ms** a batch; clean." in note and "    perfexp model=squeezenet1_1" in note
    assert "no `model_size_mb`: the fake backend stores no model" in note
    assert {"cell_key", "sweep_id", "host", "cpu", "version.torch", "family"} <= run.data.tags.keys()
    assert {f.path for f in client.list_artifacts(run.info.run_id)} == {
        "config.yaml",
        "environment.json",
        "samples.json",
        "samples.png",
        "certificate.json",
    }


def test_samples_are_kept_unrounded(tracker: Tracker, make_cell: Callable[..., Cell], tmp_path: Path) -> None:
    client, run = written(tracker, make_cell(), MEASUREMENT)
    stored = json.loads(
        Path(client.download_artifacts(run.info.run_id, "samples.json", tmp_path)).read_text()
    )
    assert tuple(stored["samples_ms"]) == MEASUREMENT.samples_ms
    assert stored["unit"] == "ms"


def test_certificate_picture_and_all_batches_of_each_round_are_kept(
    tracker: Tracker, make_cell: Callable[..., Cell], tmp_path: Path
) -> None:
    slow = Block((9.0, 9.5), Pace(1.4, 1.0), Pace(1.4, 1.0))
    one = replace(MEASUREMENT, blocks=(Block(MEASUREMENT.samples_ms), slow), began_s=7.0)
    client, run = written(tracker, make_cell(), replace(MEASUREMENT, rounds=(one,)))
    folder = Path(client.download_artifacts(run.info.run_id, "", tmp_path))
    assert json.loads((folder / "certificate.json").read_text()) == MEASUREMENT.certificate
    assert (folder / "samples.png").read_bytes().startswith(b"\x89PNG")
    [kept] = json.loads((folder / "samples.json").read_text())["rounds"]
    assert kept["began_s"] == 7.0
    assert [block["samples_ms"] for block in kept["blocks"]] == [[*MEASUREMENT.samples_ms], [9.0, 9.5]]
    assert kept["blocks"][1]["after"] == {"compute_ms": 1.4, "memory_ms": 1.0}


@pytest.mark.parametrize(
    ("kind", "status"), [(FailureKind.RAISED, "FAILED"), (FailureKind.INTERRUPTED, "KILLED")]
)
def test_a_failure_is_a_run_with_its_reason(
    tracker: Tracker, make_cell: Callable[..., Cell], tmp_path: Path, kind: FailureKind, status: str
) -> None:
    client, run = written(tracker, make_cell(), Failure(kind, "It broke.", "Traceback: here"))
    assert run.info.status == status
    assert run.data.tags["reason"] == "It broke."
    assert run.data.tags["failure"] == kind.value
    assert "latency_p50_ms" not in run.data.metrics
    assert Path(client.download_artifacts(run.info.run_id, "traceback.txt", tmp_path)).read_text() == (
        "Traceback: here"
    )


def test_a_curve_has_the_batch_size_as_step(tracker: Tracker) -> None:
    first = Outcome("resnet18", "torch", 8, "FINISHED")
    points = {8: {"latency_p50_ms": 5.0}, 1: {"latency_p50_ms": 2.0}}
    run_id = tracker.write(curve_run("resnet18 torch", first, points, {"sweep": "quick"}))
    history = MlflowClient(tracker.uri).get_metric_history(run_id, "latency_p50_ms")
    assert [(m.step, m.value) for m in sorted(history, key=lambda m: m.step)] == [(1, 2.0), (8, 5.0)]


def test_a_run_that_cannot_be_filled_is_not_left_running(
    tracker: Tracker, make_cell: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tracker._client, "log_artifacts", interrupted)
    with pytest.raises(KeyboardInterrupt):
        written(tracker, make_cell(), MEASUREMENT)
    [run] = MlflowClient(tracker.uri).search_runs([tracker.experiment_id])
    assert run.info.status == "FAILED"


def test_runs_of_processes_that_died_are_ended_and_the_others_are_not(
    tracker: Tracker, make_cell: Callable[..., Cell]
) -> None:
    client, me = MlflowClient(tracker.uri), this_process()
    tags = {
        "alive": {"writer": me.text()},
        "dead": {"writer": replace(me, started=me.started - 100).text()},
        "far and silent": {"writer": replace(me, host="elsewhere", heartbeat=0.0).text()},
        "far and renewed": {"writer": replace(me, host="elsewhere").text()},
        "not ours": {},
    }
    ids = {
        n: client.create_run(tracker.experiment_id, tags=t, run_name=n).info.run_id for n, t in tags.items()
    }
    [near] = tracker.end_abandoned(now=1000.0)
    assert near.startswith("dead: ")
    client.set_tag(ids["far and renewed"], "writer", replace(me, host="elsewhere", pid=7).text())
    [far] = tracker.end_abandoned(now=1000.0 + STALE_AFTER_S + 1)
    statuses = {name: client.get_run(run_id).info.status for name, run_id in ids.items()}
    assert statuses == {
        "alive": "RUNNING",
        "dead": "KILLED",
        "far and silent": "KILLED",
        "far and renewed": "RUNNING",
        "not ours": "RUNNING",
    }
    assert "not written to its end" in client.get_run(ids["dead"]).data.tags["reason"]
    assert "silent for 24 h" in far and tracker.end_abandoned(now=1000.0 + STALE_AFTER_S + 2) == []


def test_a_run_that_is_written_for_hours_or_by_another_clock_is_ended_by_its_writer_alone(
    tracker: Tracker, make_cell: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, real = MlflowClient(tracker.uri), tracker._client.log_artifacts
    far = replace(this_process(), host="elsewhere", heartbeat=0.0)
    monkeypatch.setattr("perfexp.store.owner.this_process", lambda: far)
    told = []

    def long_upload(run_id: str, folder: str) -> None:
        for hours in (0, 1, 23):
            told.extend(tracker.end_abandoned(now=3600.0 * hours))
        told.append(client.get_run(run_id).info.status)
        told.extend(tracker.end_abandoned(now=3600.0 * 25))
        told.append(client.get_run(run_id).info.status)
        real(run_id, folder)

    monkeypatch.setattr(tracker._client, "log_artifacts", long_upload)
    _, run = written(tracker, make_cell(), MEASUREMENT)
    assert (told[0], told[-1], len(told)) == ("RUNNING", "KILLED", 3)
    assert run.info.status == "FINISHED" and "reason" not in run.data.tags
    assert tracker.end_abandoned(now=0.0) == [] and list(Path("mlruns/unfinished").iterdir()) == []


def test_what_was_seen_before_the_machine_started_anew_counts_for_nothing(
    tmp_path: Path, monkeypatch
) -> None:
    writers = {"run": replace(this_process(), host="elsewhere")}
    assert silence.seconds(tmp_path, "x", writers, now=100.0) == {"run": 0.0}
    assert silence.seconds(tmp_path, "x", writers, now=150.0) == {"run": 50.0}
    assert silence.seconds(tmp_path, "y", writers, now=150.0) == {"run": 0.0}
    monkeypatch.setattr("perfexp.store.owner.boot", lambda: "another")
    assert silence.seconds(tmp_path, "x", writers, now=5.0) == {"run": 0.0}
    for path in (tmp_path / "unfinished").iterdir():
        path.write_text('{"boot": "another", "since": {"run": [1, "x"]}}')
    assert silence.seconds(tmp_path, "x", writers, now=7.0) == {"run": 0.0}


def test_artifacts_are_on_the_disk_before_the_waiting_file_goes(
    tracker: Tracker, make_cell: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised: list[str] = []

    def noted(path: Path) -> None:
        synchronised.append(str(path))

    monkeypatch.setattr("perfexp.cache.synchronise", noted)
    monkeypatch.setattr("perfexp.store.outbox.delivery.synchronise", noted)
    _, run = written(tracker, make_cell(), MEASUREMENT)
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    files = {str(path) for path in folder.iterdir()}
    assert len(files) == 5 and files | {str(folder), str(folder.parent)} <= set(synchronised)


def test_a_store_that_was_replaced_under_a_sweep_keeps_the_run_waiting(
    tracker: Tracker, store_template: Path, capsys
) -> None:
    path = Path("mlruns/mlflow.db")
    path.unlink()
    shutil.copy(store_template, path)
    assert tracker.submit(RunData("a cell", "FINISHED", 1, [], {}, {"kind": "cell"})) is None
    assert "was removed or replaced since it was opened" in capsys.readouterr().err
    again = open_tracker(None, Path("mlruns"), None)
    runs = MlflowClient(again.uri).search_runs([again.experiment_id])
    assert [run.info.run_name for run in runs] == ["a cell"]
