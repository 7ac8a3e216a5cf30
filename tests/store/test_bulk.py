"""Runs written in bulk cannot be told from the client's, but for their ids."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from perfexp.errors import TrackingError
from perfexp.store import bulk, database
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker

DRAFTS = [
    RunData(
        name=f"run {n}",
        status="FINISHED",
        started_ms=1000 + n,
        metrics=[("latency_mean_ms", 0.1 * n, 0), ("macs", 1e18, 0), ("top1", float("nan"), 0)],
        params={"a": "b"},
        tags={"kind": "published"},
    )
    for n in range(3)
]


def seen(client: MlflowClient, run_id: str) -> object:
    run = client.get_run(run_id)
    return {
        "history": [(m.value, m.step) for m in client.get_metric_history(run_id, "latency_mean_ms")],
        "tags": {k: v for k, v in run.data.tags.items() if k not in ("writer", "delivery_id")},
        "data": (run.data.params, repr(run.data.metrics)),
        "info": (
            run.info.run_name,
            run.info.user_id,
            run.info.status,
            run.info.start_time,
            run.info.lifecycle_stage,
        ),
        "place": (run.info.artifact_uri.replace(run_id, "ID"), run.info.experiment_id),
    }


def test_a_run_is_the_one_that_the_client_would_write(tracker: Tracker, tmp_path: Path) -> None:
    client = MlflowClient(tracker.uri)
    ids = bulk.write(tracker.uri, tracker.experiment_id, DRAFTS)
    assert ids is not None
    assert [seen(client, i) for i in ids] == [seen(client, tracker.write(d)) for d in DRAFTS]
    client.log_text(ids[0], "later", "note.txt")
    assert [f.path for f in client.list_artifacts(ids[0])] == ["note.txt"]


def test_the_user_interface_finds_them_by_metric(tracker: Tracker) -> None:
    tracker.write_all(DRAFTS)
    client = MlflowClient(tracker.uri)
    assert len(client.search_runs([tracker.experiment_id], "metrics.latency_mean_ms > 0.05")) == 2


def test_an_untested_layout_is_left_to_the_client(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_TESTED_LAYOUTS", frozenset({"another"}))
    assert bulk.write(tracker.uri, tracker.experiment_id, DRAFTS) is None
    assert len(tracker.write_all(DRAFTS)) == 3
    assert bulk.write("http://127.0.0.1:9", "1", DRAFTS) is None


def test_all_or_none(tracker: Tracker) -> None:
    broken = RunData("x", "NO SUCH STATUS", 0, [], {}, {})
    with pytest.raises(TrackingError):
        tracker.write_all([*DRAFTS, broken])
    assert MlflowClient(tracker.uri).search_runs([tracker.experiment_id]) == []
