"""Many processes at one store: nothing lost, nothing doubled, and no word to the user."""

import os
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient

from perfexp.store.run_data import RunData
from perfexp.store.tracker import open_tracker
from tests.support.processes import forked
from tests.support.servers import Postgres, Server

pytestmark = pytest.mark.slow
WRITERS, RUNS = 16, 2


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sqlite(in_folder: Path) -> str:
    return f"sqlite:///{in_folder}/mlruns/mlflow.db"


@pytest.fixture
def postgresql(in_folder: Path, database: Postgres) -> str:
    return database.add_database("at_once")


@pytest.fixture
def through_server(in_folder: Path, served: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in served.credentials.items():
        monkeypatch.setenv(name, value)
    return served.uri


SERVED = [pytest.mark.server]
STORES = ["sqlite", pytest.param("postgresql", marks=SERVED), pytest.param("through_server", marks=SERVED)]


def quietly(number: int) -> None:
    """What this process says goes into a file of its own."""
    said = os.open(f"said-{number}", os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(said, stream)


def draft(name: str) -> RunData:
    metrics = [(f"m{n}", float(n), 0) for n in range(25)]
    params = {f"p{n}": str(n) for n in range(30)}
    return RunData(name, "FINISHED", 1000, metrics, params, {"kind": "cell"}, {"samples.json": "[1]"})


def words(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("said-*"))


@pytest.mark.parametrize("place", STORES)
def test_sixteen_writers_at_once(place: str, in_folder: Path, request: pytest.FixtureRequest) -> None:
    uri: str = request.getfixturevalue(place)

    def write(number: int) -> None:
        quietly(number)
        tracker = open_tracker(uri, Path("mlruns"), "at once")
        for run in range(RUNS):
            tracker.submit(draft(f"{number} {run}"))

    assert forked(lambda _: open_tracker(uri, Path("mlruns"), "at once")) == [0]
    assert forked(write, WRITERS) == [0] * WRITERS
    assert words(in_folder) == ""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("at once")
    runs = list(client.search_runs([experiment.experiment_id]))
    assert Counter(run.info.run_name for run in runs) == Counter(
        f"{number} {run}" for number in range(WRITERS) for run in range(RUNS)
    )
    assert {(run.info.status, len(run.data.metrics), len(run.data.params)) for run in runs} == {
        ("FINISHED", 25, 30)
    }
    assert os.listdir("mlruns/spool") == []


@pytest.mark.parametrize("place", STORES[:2])
def test_eight_processes_may_make_the_store_at_once(
    place: str, in_folder: Path, request: pytest.FixtureRequest
) -> None:
    uri = request.getfixturevalue(place) if place == "sqlite" else request.getfixturevalue("new_database")

    def make(number: int) -> None:
        quietly(number)
        open_tracker(uri, Path(f"mlruns{number % 2}"), "shared")  # as two machines: each has its own locks

    assert forked(make, 8) == [0] * 8, words(in_folder)
    assert words(in_folder) == ""
    assert [e.name for e in MlflowClient(uri).search_experiments()].count("shared") == 1


@pytest.fixture
def new_database(database: Postgres) -> str:
    return database.add_database("made_at_once")
