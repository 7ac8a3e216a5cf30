from collections.abc import Callable
from dataclasses import replace

import pytest

from perfexp.config.schema import Cell, SweepConfig
from perfexp.records import SKIPPED, Failure, FailureKind, Measurement
from perfexp.runs import finished, sql
from perfexp.runs.finished import Finished
from perfexp.store.build import Request, cell_run
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker

MEASURED = Measurement(
    {"latency_p50_ms": 1.5, "params": 7.0}, {}, (1.5,), (), {}, {"verdict": "clean"}, {}, {}
)


@pytest.fixture(params=["tables", "client"])
def store(request: pytest.FixtureRequest, tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """Read through either door."""
    if request.param == "client":
        monkeypatch.setattr(sql, "read", lambda *_: None)
    return tracker


@pytest.mark.parametrize("few", [False, True])
def test_only_finished_cells_are_found_the_newest_first(
    store: Tracker, make_cell: Callable[..., Cell], few: bool
) -> None:
    def write(key: str, outcome: Measurement | Failure, at: int) -> str:
        return store.write(
            cell_run(make_cell(batch_size=4), key, outcome, at, Request("", ""), SweepConfig(id="s"), {})
        )

    write("one", MEASURED, 1)
    newest = write("one", replace(MEASURED, metrics={"latency_p50_ms": 2.5}), 2)
    write("broken", Failure(FailureKind.RAISED, "It broke."), 3)
    known = Finished(store, few)
    found = known.find("one")
    assert found is not None
    assert (found.model, found.backend, found.batch_size) == ("squeezenet1_1", "fake", 4)
    assert (found.status, found.run_id, found.metrics) == (SKIPPED, newest, {"latency_p50_ms": 2.5})
    assert found.tags["verdict"] == "clean" and found.tags["sweep_id"] == "s"
    assert known.find("broken") is None and known.find("other") is None


def test_an_empty_experiment_has_no_cells(store: Tracker) -> None:
    assert Finished(store).find("one") is None
    assert finished.sweep_id(store, "abc") is None


def test_a_grid_is_known_by_its_last_sweep(store: Tracker, make_cell: Callable[..., Cell]) -> None:
    for at, name in enumerate(("first", "second"), 1):
        sweep = SweepConfig(id=name, grid="abc")
        store.write(cell_run(make_cell(), name, MEASURED, at, Request("", ""), sweep, {}))
    assert finished.sweep_id(store, "abc") == "second"
    assert finished.sweep_id(store, "abd") is None


@pytest.mark.parametrize(
    "harm", [{"batch_size": "1e9999"}, {"batch_size": "many"}, {"model": None}, {"latency": -1.0}]
)
def test_a_run_that_perfexp_would_not_write_is_told_and_not_taken(
    store: Tracker, harm: dict[str, object], capsys
) -> None:
    tags = {"kind": "cell", "cell_key": "one"} | ({} if "model" in harm else {"model": "resnet18"})
    params = {"backend.name": "fake", "batch_size": str(harm.get("batch_size", 1))}
    latency = [("latency_p50_ms", float(harm.get("latency", 1.0)), 0)]
    store.write(RunData("x", "FINISHED", 1, latency, params, tags))
    assert Finished(store).find("one") is None
    assert "its cell is measured again" in capsys.readouterr().out
