import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from perfexp import load_runs
from perfexp.errors import TrackingError
from perfexp.store import connection as store
from perfexp.store import sqlite_file
from perfexp.store.run_data import RunData
from perfexp.store.tracker import open_tracker


def test_default_is_an_absolute_sqlite_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert store.resolve(None, Path("mlruns")) == f"sqlite:///{tmp_path}/mlruns/mlflow.db"


def test_a_store_lies_in_its_folder_whatever_that_is_called(
    tmp_path: Path, store_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "My%20Project?"
    (here / "mlruns").mkdir(parents=True)
    (here / "mlruns" / "mlflow.db").write_bytes(store_template.read_bytes())
    monkeypatch.chdir(here)
    tracker = open_tracker(None, Path("mlruns"), None)
    tracker.write(RunData("one", "FINISHED", 0, [], {}, {"kind": "cell"}))
    assert len(load_runs()) == 1
    assert os.listdir(tmp_path) == [here.name]


def test_configuration_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://from-environment")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from environment")
    assert store.resolve(None, Path("mlruns")) == "http://from-environment"
    assert store.resolve("http://given", Path("mlruns")) == "http://given"
    assert store.experiment_name(None) == "from environment"
    assert store.experiment_name("given") == "given"


def test_new_store_is_in_wal_mode_with_its_artifacts_beside_it(tmp_path: Path) -> None:
    tracker = open_tracker(None, tmp_path / "mlruns", "some experiment")
    with sqlite3.connect(tmp_path / "mlruns" / "mlflow.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        [location] = connection.execute(
            "SELECT artifact_location FROM experiments WHERE name = 'some experiment'"
        ).fetchone()
    assert location == (tmp_path / "mlruns" / "artifacts" / "some_experiment").as_uri()
    assert tracker.experiment_id != "0"


def test_nothing_is_written_beside_mlruns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_tracker(None, Path("mlruns"), None)
    assert os.listdir(tmp_path) == ["mlruns"]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "postgresql://me:secret@127.0.0.1:9/db"])
def test_a_store_that_does_not_answer_is_one_sentence(tmp_path: Path, uri: str) -> None:
    with pytest.raises(TrackingError, match="does not answer .*Connection refused.*start it") as caught:
        open_tracker(uri, tmp_path, None)
    assert "secret" not in str(caught.value)


def test_a_store_that_is_not_one_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is not a database, and long enough to be read as a header")
    with pytest.raises(TrackingError, match="file is not a database"):
        open_tracker(None, tmp_path, None)


def test_a_locked_store_is_one_sentence(
    tmp_path: Path, store_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "TIMEOUT_S", 0.2)
    path = tmp_path / "mlflow.db"
    path.write_bytes(store_template.read_bytes())
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(TrackingError, match="database is locked.*not held by another program"):
        open_tracker(None, tmp_path, None)
    holder.close()


def test_a_deleted_experiment_is_named_to_writers_and_readers(tmp_path: Path) -> None:
    tracker = open_tracker(None, tmp_path, "gone")
    tracker._client.delete_experiment(tracker.experiment_id)
    words = f"'gone' was deleted .* restore --experiment-id {tracker.experiment_id}, or name another"
    with pytest.raises(TrackingError, match=words):
        open_tracker(None, tmp_path, "gone")
    with pytest.raises(TrackingError, match=words):
        load_runs("gone", tracking_uri=tracker.uri)


def test_a_store_of_another_mlflow_is_not_said_to_be_locked(tmp_path: Path, store_template: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(store_template.read_bytes())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'acf3f17fdcc7'")
    with pytest.raises(TrackingError, match="mlflow db upgrade.*….; do what MLflow says, or") as caught:
        open_tracker(None, tmp_path, None)
    assert "held by another program" not in str(caught.value)


def test_a_file_store_may_share_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TrackingError, match="mlflow migrate-filestore.*do what MLflow says"):
        open_tracker(str(tmp_path), tmp_path, None)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    (tmp_path / "cache").mkdir()
    (tmp_path / "123").mkdir()
    open_tracker(str(tmp_path), tmp_path, None)
    assert {record.message.partition(". ")[0] for record in caplog.records} == {"Malformed experiment '123'"}
