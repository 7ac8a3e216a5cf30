"""perfexp server on PostgreSQL with a password: used, taken away in the middle, and brought back."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from perfexp import load_runs
from perfexp.commands import server
from perfexp.errors import ConfigError, TrackingError
from perfexp.serving import users
from perfexp.store.outbox import delivery
from perfexp.store.tracker import open_tracker
from tests.support.program import perfexp
from tests.support.servers import HOST, PASSWORD, USER, Postgres, Server, dumped

pytestmark = [pytest.mark.server, pytest.mark.slow]

QUICK = (
    "backend=fake",
    "measure=quick",
    "measure.rounds=1",
    "measure.budget_s=0.05",
    "measure.warmup_s=0",
    "model=squeezenet1_1",
)
BATCHES = (1, 2, 4, 8, 16)
SWEEP = ("--multirun", *QUICK, f"batch_size={','.join(map(str, BATCHES))}")


@pytest.fixture
def signed_in(served: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for name, value in served.credentials.items():
        monkeypatch.setenv(name, value)
    return served


def tracked(server: Server, experiment: str) -> tuple[str, ...]:
    return "tracking=server", f"tracking.uri={server.uri}", f"experiment={experiment}"


def files_that_hold(secret: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def interrupted(arguments: tuple[str, ...], after: int, event: Callable[[], None]) -> tuple[int, str]:
    """A sweep during which ``event`` happens, once so many cells are done; its exit code and its words."""
    process = subprocess.Popen(
        [Path(sys.executable).parent / "perfexp", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith(f"[{after}/"):
            event()
    return process.wait(), said


def counted(uri: str, experiment: str) -> Counter[tuple[object, ...]]:
    """How many runs there are of each cell and curve, and that all of them are whole."""
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    runs = list(client.search_runs([found.experiment_id]))
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len({run.data.tags[delivery.TAG] for run in runs}) == len(runs)
    for run in runs:
        if run.data.tags["kind"] == "cell":
            names = {file.path for file in client.list_artifacts(run.info.run_id)}
            assert {"samples.json", "certificate.json", "config.yaml"} <= names
            assert run.data.metrics["latency_p50_ms"] > 0
    return Counter((run.data.tags["kind"], run.data.params.get("batch_size")) for run in runs)


EACH_ONCE = Counter({**{("cell", str(b)): 1 for b in BATCHES}, ("curve", None): 1, ("sweep", None): 1})


def test_a_sweep_through_the_server(
    perfexp, signed_in: Server, database: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = perfexp(*SWEEP, *tracked(signed_in, "through"))
    assert done.returncode == 0, done.stderr
    assert counted(signed_in.uri, "through") == EACH_ONCE
    runs = load_runs("through", tracking_uri=signed_in.uri, samples=True)
    assert all(len(samples) >= 3 for samples in runs["samples_ms"])
    direct = load_runs("through", tracking_uri=database.uri("served"))
    pd.testing.assert_frame_equal(runs.drop(columns="samples_ms"), direct)
    kept = list((signed_in.folder / "artifacts").rglob("samples.json"))
    assert len(kept) >= len(BATCHES)
    assert not (tmp_path / "mlruns" / "artifacts").exists()
    assert files_that_hold(PASSWORD, tmp_path) == files_that_hold(PASSWORD, signed_in.folder) == []
    assert PASSWORD.encode() not in dumped(database, "served")
    assert PASSWORD not in done.stdout + done.stderr + signed_in.said
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    with pytest.raises(TrackingError, match="cannot be used.*401"):
        open_tracker(signed_in.uri, tmp_path / "mlruns", "through")


def test_the_server_listens_on_the_loopback_interface_alone(served: Server) -> None:
    family = [
        psutil.Process(served._process.pid),
        *psutil.Process(served._process.pid).children(recursive=True),
    ]
    listening = {
        (at.laddr.ip, at.laddr.port)
        for member in family
        for at in member.net_connections("tcp")
        if at.status == psutil.CONN_LISTEN
    }
    assert (HOST, served.port) in listening
    assert {ip for ip, _ in listening} == {HOST}


def test_a_server_killed_in_the_middle_of_a_sweep_loses_and_doubles_nothing(
    perfexp, signed_in: Server, tmp_path: Path
) -> None:
    code, said = interrupted((*SWEEP, *tracked(signed_in, "killed")), 2, signed_in.kill)
    assert code == 0, said
    assert said.count("waits in") == 5  # three cells, the curve and the sweep
    assert PASSWORD not in said and files_that_hold(PASSWORD, tmp_path) == []
    signed_in.start()
    arrived = counted(signed_in.uri, "killed")
    assert [kind for kind, _ in arrived] == ["cell", "cell"] and set(arrived.values()) == {1}
    done = perfexp(*QUICK, *tracked(signed_in, "next"))
    assert "Delivered 5 runs that had waited in the spool." in done.stderr
    assert counted(signed_in.uri, "killed") == EACH_ONCE
    assert counted(signed_in.uri, "next") == Counter({("cell", "1"): 1})
    assert os.listdir(tmp_path / "mlruns" / "spool") == []


def test_a_server_that_hangs_and_then_does_what_was_given_up_doubles_nothing(
    perfexp, signed_in: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    code, said = interrupted((*SWEEP, *tracked(signed_in, "hung")), 2, lambda: signed_in.hang(7.0))
    assert code == 0, said
    assert "waits in" in said
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    done = perfexp(*QUICK, *tracked(signed_in, "after"))
    assert done.returncode == 0, done.stderr
    assert counted(signed_in.uri, "hung") == EACH_ONCE
    assert os.listdir(tmp_path / "mlruns" / "spool") == []


def test_a_database_stopped_in_the_middle_of_a_sweep_loses_and_doubles_nothing(
    database: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = database.add_database("stopped")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    code, said = interrupted(SWEEP, 3, database.stop)
    assert code == 0, said
    assert said.count("waits in") == 4  # two cells, the curve and the sweep
    assert perfexp("sync") == 1
    database.start()
    assert perfexp("sync") == 0
    assert "Delivered 4 runs" in capsys.readouterr().err
    assert counted(uri, "perfexp") == EACH_ONCE
    assert PASSWORD not in said and files_that_hold(PASSWORD, tmp_path) == []
    assert PASSWORD.encode() not in dumped(database, "stopped")


def test_without_an_administrator_the_server_does_not_start(tmp_path: Path, capsys) -> None:
    assert perfexp("server", f"folder={tmp_path}") == 2
    assert "The server has no administrator" in capsys.readouterr().err


def test_a_key_that_a_killed_start_left_empty_is_made(tmp_path: Path) -> None:
    (tmp_path / "session.key").touch(mode=0o600)
    first = server._authentication(tmp_path)["MLFLOW_FLASK_SERVER_SECRET_KEY"]
    assert len(first) == 64
    assert server._authentication(tmp_path)["MLFLOW_FLASK_SERVER_SECRET_KEY"] == first


def test_an_interface_of_its_own_no_foreign_module_and_files_for_the_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    (tmp_path / "yaml.py").write_text("open('ran', 'w')\n")
    monkeypatch.chdir(tmp_path)
    made = Server(tmp_path / "kept", f"sqlite:///{tmp_path}/kept/mlflow.db", options=("host=127.0.0.2",))
    made.start()
    for name, value in made.credentials.items():
        monkeypatch.setenv(name, value)
    try:
        uri = f"http://127.0.0.2:{made.port}"
        assert made.said.strip().endswith(uri)
        open_tracker(uri, tmp_path / "mlruns", "x")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a-wrong-password")
        with pytest.raises(TrackingError, match="401"):
            open_tracker(uri, tmp_path / "mlruns", "x")
        added = {"MLFLOW_TRACKING_USERNAME": "lab", "MLFLOW_TRACKING_PASSWORD": "staple-battery-horse"}
        with pytest.MonkeyPatch.context() as lab:
            for name, value in added.items():
                lab.setenv(name, value)
            assert perfexp("server", f"folder={made.folder}", "add_user=true") == 0
            open_tracker(uri, tmp_path / "mlruns", "y")
            assert perfexp("server", f"folder={made.folder}", "add_user=true") == 2
            assert "'lab' cannot be added" in capsys.readouterr().err
            with pytest.raises(MlflowException, match="PERMISSION_DENIED|Permission denied"):
                client = MlflowClient(uri)
                client.create_run(client.get_experiment_by_name("x").experiment_id)
        assert perfexp("server", "folder=other", "host=127.0.0.2", f"port={made.port}") == 3
        assert "No server can listen on 127.0.0.2" in capsys.readouterr().err
    finally:
        made.stop()
    assert not (tmp_path / "ran").exists()
    kept = [made.folder, *made.folder.rglob("*")]
    assert [path for path in kept if path.stat().st_mode & 0o077] == []

    assert "401" in (made.folder / "server.log").read_text()

    users_db = made.folder / "users.db"
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another-password")
    assert perfexp("server", f"folder={made.folder}") == 2
    assert "another password, or does not exist" in capsys.readouterr().err
    users.set_password(users_db, USER, "another-password")
    users.require_password(users_db, USER, "another-password")
    with pytest.raises(ConfigError, match="new_password=true"):
        users.require_password(users_db, USER, PASSWORD)
    made.folder.chmod(0o755)
    assert perfexp("server", f"folder={made.folder}") == 2
    assert "chmod -R go= " in capsys.readouterr().err
