"""Tables read directly give what the client gives, from SQLite and PostgreSQL, and no more than asked."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.query import NEEDED, drafts
from perfexp import load_runs
from perfexp.runs import sql
from perfexp.store import database
from perfexp.store.run_data import RunData
from perfexp.store.tracker import open_tracker
from tests.support.servers import Postgres

RUNS, FEW = 300, 10
STORES = ["sqlite", pytest.param("postgresql", marks=[pytest.mark.server, pytest.mark.slow])]


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    return filled(f"sqlite:///{tmp_path_factory.mktemp('tables')}/mlflow.db")


@pytest.fixture(scope="module")
def postgresql(request: pytest.FixtureRequest) -> str:
    server: Postgres = request.getfixturevalue("database")
    return filled(server.add_database("tables"))


def filled(uri: str) -> str:
    """A large experiment with a run of odd values, and a small one beside it."""
    root = Path("/nowhere") if uri.startswith("postgresql") else Path(uri.removeprefix("sqlite:///")).parent
    odd = RunData("odd", "FINISHED", 5, [("macs", float("nan"), 0)], {"a.b": "None"}, {"kind": "cell"})
    for name, runs in (("large", [*drafts(0, RUNS), odd]), ("small", list(drafts(0, FEW)))):
        open_tracker(uri, root, name).write_all(runs)
    return uri


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    ("experiment", "options", "rows"),
    [
        ("large", {}, RUNS + 1),
        ("large", {"columns": NEEDED}, RUNS + 1),
        ("large", {"where": "backend == 'torch' and batch_size <= 8", "columns": NEEDED}, 86),
        ("small", {}, FEW),
        ("small", {"where": "model in ['model_1', 'model_2']"}, 2),
    ],
)
def test_the_tables_and_the_client_give_the_same_frame(
    store: str,
    experiment: str,
    options: dict[str, object],
    rows: int,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = request.getfixturevalue(store)
    direct = load_runs(experiment, tracking_uri=uri, **options)
    monkeypatch.setattr(database, "_TESTED_LAYOUTS", frozenset())
    by_client = load_runs(experiment, tracking_uri=uri, **options)
    narrowed = "where" in options  # before types are told, so the runs left out have no say in them
    pd.testing.assert_frame_equal(direct, by_client, check_dtype=not narrowed, check_categorical=not narrowed)
    assert len(direct) == rows


@pytest.mark.parametrize("store", STORES)
def test_what_must_hold_is_asked_of_the_database(store: str, request: pytest.FixtureRequest) -> None:
    uri = request.getfixturevalue(store)
    column_of = {"backend.name": "backend", "latency_p50_ms": "latency_p50_ms"}.get

    def rows(**texts: set[str]) -> int:
        frame = sql.read(uri, "1", {"kind": ["cell"]}, "FINISHED", column_of, texts)
        assert frame is not None
        return len(frame)

    assert rows() == RUNS + 1
    assert rows(backend={"torch"}) == RUNS / 2
    assert rows(backend={"torch", "openvino"}) == RUNS
    assert rows(backend=set()) == 0
    assert rows(latency_p50_ms={"1.0"}) == RUNS + 1  # a metric is no text
    assert rows(no_such_column={"x"}) == RUNS + 1
