"""``perfexp sync from=… to=…``: copies between stores. What waits in the spool is tested with the server."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from perfexp import load_curves, load_runs, load_samples
from perfexp.store.outbox import delivery
from tests.conftest import Perfexp

CELL = ("model=squeezenet1_1", "input_size=64", "backend=fake", "measure=quick", "measure.rounds=1")
COPY = ("sync", "to=sqlite:///other/mlflow.db", "tracking.root=mlruns")


@pytest.fixture
def swept(called: Perfexp, ready: None) -> None:
    done = called("--multirun", *CELL, "batch_size=1,2")
    assert done.returncode == 0, done.stderr


def test_all_runs_are_copied_once_with_artifacts_and_curves(
    swept: None, tmp_path: Path, called: Perfexp
) -> None:
    (tmp_path / "other").mkdir()
    done = called(*COPY)
    assert done.returncode == 0, done.stderr
    assert "perfexp: 4 runs copied, 0 were there already." in done.stdout
    uri = "sqlite:///other/mlflow.db"
    own, copied = load_runs(), load_runs(tracking_uri=uri)
    assert copied["copied_from"].tolist() == own["run_id"].tolist()
    same = ["run_name", "latency_p50_ms", "cpu_own", "batch_size", "cell_key", "verdict", "start_time"]
    assert copied[same].equals(own[same])
    assert load_samples(copied, tracking_uri=uri)["latency_ms"].equals(load_samples(own)["latency_ms"])
    points = load_curves(load_runs(kind="curve", tracking_uri=uri), tracking_uri=uri)
    assert points["batch_size"].tolist() == [1, 2]
    assert "perfexp: 0 runs copied, 4 were there already." in called(*COPY).stdout


def test_an_interrupted_copy_goes_on(
    swept: None, tmp_path: Path, called: Perfexp, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    real, calls = MlflowClient.set_terminated, []

    def breaks_down(client: MlflowClient, *arguments: object) -> None:
        calls.append(arguments)
        if len(calls) in (2, 3):
            raise MlflowException("the store went away")
        real(client, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_terminated", breaks_down)
        done = called(*COPY)
    assert done.returncode == 3 and "the store went away" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "perfexp: 3 runs copied, 1 were there already." in called(*COPY).stdout
    found = load_runs(tracking_uri="sqlite:///other/mlflow.db", kind=["cell", "curve", "sweep"])
    assert len(found) == 4 and found[delivery.TAG].nunique() == 4


def test_a_store_that_is_not_there_or_the_same_is_one_sentence(called: Perfexp) -> None:
    assert called("import", "source=study").returncode == 0
    done = called("sync", "from=sqlite:///nowhere/mlflow.db")
    assert done.returncode == 3 and "There is no MLflow store" in done.stderr
    done = called("sync", "to=sqlite:///mlruns/mlflow.db", "from=sqlite:///mlruns/mlflow.db")
    assert done.returncode == 2 and "copied into itself" in done.stderr
