import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from perfexp import load_runs
from perfexp.config.schema import Cell, SweepConfig
from perfexp.errors import ConfigError, TrackingError
from perfexp.records import Failure, FailureKind, Measurement
from perfexp.store import database
from perfexp.store.build import Request, cell_run
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker


@pytest.fixture
def filled(tracker: Tracker, make_cell: Callable[..., Cell]) -> Tracker:
    """Six finished cells in two sweeps of one name, and a failed one."""
    for number, sweep_id in enumerate(["quick-1", "quick-2"]):
        for batch_size in (1, 8, 64):
            latency = float(batch_size + number)
            measurement = Measurement(
                metrics={"latency_p50_ms": latency, "params": 10.0, "macs": 5.0},
                absent={},
                samples_ms=(latency, latency),
                warmup_ms=(),
                effective={"threads": "2", "training": "False"},
                labels={"family": "SqueezeNet"},
                environment={},
                phases_s={},
            )
            write(tracker, make_cell(batch_size=batch_size), measurement, sweep_id)
    write(tracker, make_cell(), Failure(FailureKind.RAISED, "It broke."), "quick-2")
    return tracker


def write(tracker: Tracker, cell: Cell, outcome: Measurement | Failure, sweep_id: str) -> None:
    sweep = SweepConfig(id=sweep_id, name="quick")
    tracker.write(
        cell_run(
            cell,
            f"key {cell.batch_size}",
            outcome,
            int(sweep_id[-1]),
            Request("", ""),
            sweep,
            {"host": "here"},
        )
    )


def test_one_row_a_finished_run_with_types(filled: Tracker) -> None:
    runs = load_runs()
    assert len(runs) == 6
    assert runs["latency_p50_ms"].dtype == np.float64
    assert runs["batch_size"].dtype == np.int64
    assert runs["params"].dtype == np.int64
    assert runs["model"].dtype == "category"
    assert runs["effective_training"].dtype == bool
    assert runs["threads"].isna().all()
    assert str(runs["start_time"].dt.tz) == "UTC"


def test_sweep_is_an_id_or_a_name(filled: Tracker) -> None:
    assert set(load_runs(sweep="quick")["sweep_id"]) == {"quick-2"}
    assert len(load_runs(sweep="quick")) == 3  # each cell once
    assert len(load_runs(sweep=["quick-1", "quick-2"])) == 3
    assert sorted(load_runs(sweep="quick-2")["latency_p50_ms"]) == [2.0, 9.0, 65.0]
    assert load_runs(sweep="other").empty


def test_where_is_a_query_over_columns(filled: Tracker) -> None:
    assert len(load_runs(where="batch_size <= 8 and backend == 'fake'")) == 4
    with pytest.raises(ConfigError, match="is not a query over the runs' columns"):
        load_runs(where="no_such_column > 1")


def test_samples_come_on_request(filled: Tracker) -> None:
    runs = load_runs(sweep="quick-1", where="batch_size == 8", samples=True)
    assert runs["samples_ms"][0].tolist() == [8.0, 8.0]


def test_failed_runs_come_when_asked_for(filled: Tracker) -> None:
    [reason] = load_runs(status="FAILED")["reason"]
    assert reason == "It broke."


def test_other_experiment_is_named(filled: Tracker) -> None:
    with pytest.raises(TrackingError, match="no experiment 'perfexq'.*nearest are perfexp"):
        load_runs("perfexq")


def test_missing_store_is_named_and_not_made(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrackingError, match="There is no MLflow store at"):
        load_runs()
    assert list(tmp_path.rglob("*.db")) == []


def test_a_quotation_mark_cannot_leave_the_filter(filled: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_runs(sweep="x' or '1").empty
    assert by_the_client(monkeypatch, sweep="x' or '1").empty
    with pytest.raises(ConfigError, match="both kinds of quotation marks"):
        by_the_client(monkeypatch, sweep="x' or \"1")


def by_the_client(monkeypatch: pytest.MonkeyPatch, **options: object):
    with monkeypatch.context() as patch:
        patch.setattr(database, "_TESTED_LAYOUTS", frozenset())
        return load_runs(**options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"status": None},
        {"sweep": "quick-1"},
        {"sweep": "quick"},
        {"kind": ["cell", "curve"], "status": None},
        {"columns": ["model", "latency_p50_ms"]},
        {"columns": ["model"], "where": "batch_size > 1"},
        {"sweep": "other"},
    ],
)
def test_the_tables_and_the_client_give_the_same_frame(
    filled: Tracker, monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    filled.write(RunData("x", "FINISHED", 5, [("macs", float("nan"), 0)], {"a.b": "None"}, {"kind": "curve"}))
    pd.testing.assert_frame_equal(load_runs(**options), by_the_client(monkeypatch, **options))


def test_only_the_columns_asked_for_are_read(filled: Tracker) -> None:
    runs = load_runs(columns=["model", "latency_p99_ms"], where="latency_p50_ms > 5")
    first = ["run_id", "run_name", "status", "start_time", "duration_s"]
    assert list(runs) == [*first, "model", "latency_p99_ms", "latency_p50_ms"]
    assert len(runs) == 4 and runs["latency_p99_ms"].isna().all()
    with pytest.raises(
        ConfigError, match="No run has the column 'latency_p5_ms': the nearest are latency_p95"
    ):
        load_runs(columns=["latency_p5_ms"])


def test_the_order_of_columns_is_fixed_and_an_empty_answer_has_them(filled: Tracker) -> None:
    everything, core = load_runs(), load_runs(columns="core")
    assert list(core)[:8] == [
        *("run_id", "run_name", "status", "start_time", "duration_s", "kind", "model", "display_name"),
    ]
    shared = [name for name in core if name in everything]
    assert list(everything)[: len(shared)] == shared
    nothing = load_runs(columns="core", where="batch_size > 100")
    assert list(nothing) == list(core) and nothing.empty
    assert list(load_runs(kind="evaluation")) == list(core)
    assert nothing.dtypes.equals(core.dtypes)


def test_the_store_is_found_from_below_its_folder_and_by_its_root(
    filled: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notebooks" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks" / "deep")
    assert len(load_runs()) == 6
    monkeypatch.chdir("/")
    for place in (tmp_path / "mlruns", tmp_path):
        assert len(load_runs(root=place)) == 6
        assert len(load_runs(tracking_uri=str(place))) == 6
    monkeypatch.setenv("PERFEXP_ROOT", str(tmp_path / "mlruns"))
    assert len(load_runs()) == 6


def test_an_answer_that_is_empty_for_its_kind_says_which_kinds_there_are(tracker: Tracker) -> None:
    with warnings.catch_warnings(record=True) as said:
        assert load_runs().empty
    assert not [warning for warning in said if "kind" in str(warning.message)]
    tracker.write(RunData("row", "FINISHED", 5, [], {}, {"kind": "published"}))
    with pytest.warns(UserWarning, match="runs of the kind published: name one by kind="):
        assert load_runs().empty


def test_a_sweep_has_the_cells_that_it_found_finished(filled: Tracker) -> None:
    client = MlflowClient(filled.uri)
    known = load_runs(sweep="quick-1", where="batch_size == 8")["run_id"][0]
    for name, value in SweepConfig(id="mine-1", name="mine").members().items():
        client.set_tag(known, name, value)
    assert (
        load_runs(sweep="mine")["run_id"].tolist() == load_runs(sweep="mine-1")["run_id"].tolist() == [known]
    )


def test_published_runs_are_not_read_unasked(filled: Tracker) -> None:
    filled.write(RunData("x", "FINISHED", 5, [], {}, {"kind": "published"}))
    assert len(load_runs()) == 6
    assert len(load_runs(kind="published")) == 1
    assert len(load_runs(kind=["cell", "published"])) == 7
