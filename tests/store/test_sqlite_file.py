"""SQLite's journal where machines share the file, and stores in folders that can only be read."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from perfexp import load_runs
from perfexp.errors import TrackingError
from perfexp.runs.frames import load_samples
from perfexp.store import sqlite_file
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker, open_tracker

ONE = RunData(
    "one",
    "FINISHED",
    0,
    [("latency_p50_ms", 1.5, 0)],
    {"model.name": "m", "backend.name": "b", "batch_size": "1"},
    {"kind": "cell"},
    {"samples.json": '{"samples_ms": [1.5, 2.5]}'},
)


def mode(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the kernel says is mounted from another machine."""
    folder = tmp_path / "on the net"
    folder.mkdir()
    escaped = str(folder.resolve()).replace(" ", r"\040")
    lines = (
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw",
        f"40 22 0:40 / {escaped} rw,relatime - tmpfs tmpfs rw",
        f"41 22 0:41 / {escaped} rw,relatime shared:2 master:1 - nfs4 filer:/home rw,vers=4.2",
    )
    mounts = tmp_path / "mountinfo"
    mounts.write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(sqlite_file, "_MOUNTS", mounts)
    return folder


def test_a_new_store_on_a_network_file_system_has_a_rollback_journal_and_says_so_once(
    network: Path, capsys
) -> None:
    for _ in range(2):
        open_tracker(None, network, None).write(ONE)
    assert mode(network / "mlflow.db") == "delete"
    assert capsys.readouterr().err.count("lies on a network file system (nfs4)") == 1
    assert len(load_runs(root=network)) == 2


def test_a_store_that_had_a_write_ahead_log_loses_it_and_nothing_else(
    network: Path, tmp_path: Path, capsys
) -> None:
    path = network / "mlflow.db"
    local = tmp_path / "local"
    open_tracker(None, local, None).write(ONE)
    with closing(sqlite3.connect(local / "mlflow.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(local / "mlflow.db", path)
    assert mode(path) == "wal"
    assert len(load_runs(root=network)) == 1
    assert mode(path) == "delete"
    assert "it keeps a rollback journal" in capsys.readouterr().err


def test_a_store_with_a_rollback_journal_keeps_it(tmp_path: Path, store_template: Path) -> None:
    """Its folder may be one that this machine exports to others."""
    path = tmp_path / "mlflow.db"
    path.write_bytes(store_template.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    open_tracker(None, tmp_path, None)
    assert mode(path) == "delete"


@pytest.mark.parametrize(
    ("mounted", "told"),
    [("nfs", "nfs"), ("fuse.sshfs", "fuse.sshfs"), ("ext4", None), ("fuse.mergerfs", None)],
)
def test_the_type_is_that_of_the_innermost_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounted: str, told: str | None
) -> None:
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(sqlite_file, "_MOUNTS", mounts)
    mounts.write_text(f"1 0 0:1 / / rw - lustre x rw\n2 1 0:2 / {tmp_path.resolve()} rw - {mounted} x rw\n")
    assert sqlite_file.network_type(tmp_path / "not yet" / "mlflow.db") == told
    assert sqlite_file.network_type(Path("/usr")) == "lustre"
    mounts.unlink()
    assert sqlite_file.network_type(tmp_path) is None


@pytest.fixture
def archive(tracker: Tracker, tmp_path: Path) -> Iterator[Path]:
    """A store with one run on a disk that is mounted read-only, below a name that needs escapes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    tracker.write(ONE)
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    folder = tmp_path / "100% read?only"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    try:
        shutil.copy(tmp_path / "mlruns" / "mlflow.db", folder)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_runs_are_read_from_a_folder_that_can_only_be_read(archive: Path) -> None:
    runs = load_runs(root=archive, samples=True)
    assert runs["latency_p50_ms"].to_list() == [1.5]
    assert runs["samples_ms"][0].tolist() == [1.5, 2.5]
    assert len(load_samples(runs, root=archive)) == 2
    assert len(load_runs(tracking_uri=str(archive / "mlflow.db"))) == 1
    assert os.listdir(archive) == ["mlflow.db"]
    with pytest.raises(TrackingError, match="cannot be used.*is writable"):
        open_tracker(None, archive, None)


def test_a_log_that_cannot_be_used_is_named(archive: Path) -> None:
    subprocess.run(["mount", "-o", "remount,rw", archive], check=True)
    (archive / "mlflow.db-wal").write_bytes(b"changes")
    subprocess.run(["mount", "-o", "remount,ro", archive], check=True)
    with pytest.raises(TrackingError, match="was not closed, and mlflow.db-wal beside it cannot be used"):
        load_runs(root=archive)
