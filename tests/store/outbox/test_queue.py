"""Runs on disk until the store has them: whole, plain, and delivered once whatever is killed."""

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import process_time

import pytest
from mlflow import MlflowClient

from perfexp.errors import TrackingError
from perfexp.store.address import redacted
from perfexp.store.outbox import delivery
from perfexp.store.outbox import file as outbox_file
from perfexp.store.outbox.file import QueuedRun
from perfexp.store.outbox.queue import Outbox
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker, open_tracker
from tests.support.processes import forked
from tests.support.program import perfexp

STEPS = ("create_run", "log_batch", "log_artifacts", "log_artifact", "set_terminated")


def draft(name: str = "a cell", folder: Path | None = None) -> RunData:
    paths = []
    if folder:
        (folder / "table.csv").write_text("a,b")
        paths = [("tables", folder / "table.csv")]
    files: dict[str, str | bytes] = {"samples.json": b"[1.5]", "picture.png": b"\x89PNG\x00"}
    metrics = [("latency_p50_ms", 1.23456789012345, 0), ("top1", float("nan"), 8)]
    return RunData(
        name, "FINISHED", 1000, metrics, {"a": "b"}, {"kind": "cell", "note": "ä'<b>"}, files, paths
    )


def everything(client: MlflowClient, run_id: str) -> object:
    run = client.get_run(run_id)
    metrics = {k: repr(v) for k, v in run.data.metrics.items()}
    history = [m.value for m in client.get_metric_history(run_id, "latency_p50_ms")]
    tags = {k: v for k, v in run.data.tags.items() if k not in (delivery.TAG, delivery.WRITER)}
    tree = {f"{d.path}/{f.path}" for d in client.list_artifacts(run_id) for f in [d] if not d.is_dir}
    tree |= {f.path for f in client.list_artifacts(run_id, "tables")}
    return run.info.status, run.info.start_time, metrics, history, run.data.params, tags, tree


def whole(uri: str) -> list[str]:
    """The ids of all runs; each must be what the client writes by itself."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("perfexp")
    runs = client.search_runs([experiment.experiment_id])
    for run in runs:
        status, _, metrics, history, params, _, tree = everything(client, run.info.run_id)
        assert (status, history, params) == ("FINISHED", [1.23456789012345], {"a": "b"})
        assert metrics == {"latency_p50_ms": "1.23456789012345", "top1": "nan"}
        assert tree == {"samples.json/samples.json", "picture.png/picture.png", "tables/table.csv"}
    return [run.data.tags[delivery.TAG] for run in runs]


@pytest.fixture
def unopened(tmp_path: Path, store_template: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store that this process has no connection to, so that a forked one may open it."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "mlruns"
    root.mkdir()
    shutil.copy(store_template, root / "mlflow.db")
    return f"sqlite:///{root}/mlflow.db"


def die(*_arguments: object, **_named: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(step: str) -> None:
    """From now on this process is killed as soon as the client has done ``step``."""
    real = getattr(MlflowClient, step)

    def doomed(*arguments: object, **named: object) -> None:
        real(*arguments, **named)
        die()

    setattr(MlflowClient, step, doomed)


def test_a_kept_run_is_the_one_that_the_client_would_write(tracker: Tracker, tmp_path: Path) -> None:
    client = MlflowClient(tracker.uri)
    kept = tracker.submit(draft(folder=tmp_path))
    assert kept
    assert everything(client, kept) == everything(client, tracker.write(draft(folder=tmp_path)))
    assert os.listdir(tmp_path / "mlruns" / "spool") == []


def test_a_waiting_run_is_plain_data_without_credentials(tmp_path: Path) -> None:
    uri = "postgresql://me:secret@db/x"
    sent = QueuedRun(outbox_file.new_id(), redacted(uri), "perfexp", 2000, draft(folder=tmp_path))
    spool = Outbox(tmp_path)
    with spool.hold(sent):
        [path] = spool.waiting()
        with spool.claim(path) as refused:
            assert refused is None
    with zipfile.ZipFile(path) as archive:
        run = json.loads(archive.read("run.json"))
        assert (run["format"], run["store"], run["draft"]["name"]) == (1, "postgresql://***@db/x", "a cell")
        assert archive.read("paths/tables/table.csv") == b"a,b"
    with spool.claim(path) as found:
        assert found is not None
        assert repr(found.run.metrics) == repr(sent.run.metrics)
        assert (found.run.files, found.run.tags) == (sent.run.files, sent.run.tags)
    assert b"secret" not in path.read_bytes()


def waiting(tracker: Tracker, tmp_path: Path) -> Path:
    """A file of a run that waits for the tracker's store."""
    sent = QueuedRun(outbox_file.new_id(), tracker.uri, "perfexp", 2000, draft(folder=tmp_path))
    with Outbox(tmp_path / "mlruns").hold(sent):
        pass
    return tmp_path / "mlruns" / "spool" / f"{sent.id}.zip"


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_a_damaged_file_is_set_aside_and_its_neighbours_are_sent(
    tracker: Tracker, tmp_path: Path, content: bytes, capsys
) -> None:
    good = waiting(tracker, tmp_path)
    bad = good.with_name("0.zip")
    bad.write_bytes(content)
    open_tracker(None, Path("mlruns"), None)
    said = capsys.readouterr().err
    assert "0.zip is no run that waits to be delivered" in said and "Delivered 1 runs" in said
    assert not good.exists() and (good.parent / "damaged" / "0.zip").read_bytes() == content


def test_any_change_of_a_file_is_told_in_one_sentence(tracker: Tracker, tmp_path: Path) -> None:
    whole_file = waiting(tracker, tmp_path).read_bytes()
    random, path = Random(0), tmp_path / f"{'0' * 32}.zip"
    for number in range(300):
        content = bytearray(whole_file)
        if number % 3:
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
        else:
            del content[random.randrange(len(content)) :]
        path.write_bytes(content)
        with pytest.raises(outbox_file.Damaged) as told, outbox_file.unpacked(path):
            pass  # at least its id is not the file's name
        assert len(str(told.value).splitlines()) == 1


def test_what_a_file_says_decides_neither_a_path_nor_an_address(
    tracker: Tracker, tmp_path: Path, capsys
) -> None:
    good = waiting(tracker, tmp_path)
    path = good.with_name(f"{'0' * 31}f.zip")
    with zipfile.ZipFile(good) as archive:
        run = json.loads(archive.read("run.json"))
    wrong = {"id": "../../important"}, {"id": "1" * 32}, {"draft": {"name": 5}}, {"store": ["x"]}, {"more": 1}
    for content in wrong:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("run.json", json.dumps({**run, "id": path.stem, **content}))
        with pytest.raises(outbox_file.Damaged):
            outbox_file.address(path)
    path.unlink()
    good.unlink()
    elsewhere = QueuedRun(outbox_file.new_id(), "http://127.0.0.1:9", "perfexp", 2000, draft())
    with Outbox(tmp_path / "mlruns").hold(elsewhere):
        pass
    assert perfexp("sync") == 1
    assert "they are for http://127.0.0.1:9; give tracking.uri=http://127.0.0.1:9" in capsys.readouterr().err
    assert (tmp_path / "mlruns" / "spool").stat().st_mode & 0o777 == 0o700


def test_thousands_of_runs_for_another_store_cost_neither_time_nor_locks(
    tracker: Tracker, tmp_path: Path, capsys
) -> None:
    mine, spool = waiting(tracker, tmp_path), Outbox(tmp_path / "mlruns")
    other = QueuedRun(outbox_file.new_id(), "http://127.0.0.1:9", "perfexp", 2000, draft())
    with spool.hold(other):
        pass
    content = (spool.folder / f"{other.id}.zip").read_bytes()
    for number in range(2000):
        (spool.folder / f"{number:032x}.zip").write_bytes(content)
    (spool.folder / f"{'e' * 32}.zip").write_bytes(b"damaged")
    locks = set(spool.folder.glob("*.lock"))
    began = process_time()
    spool.deliver(tracker._client, tracker.uri)
    assert process_time() - began < 1
    assert set(spool.folder.glob("*.lock")) <= locks and not mine.exists()
    assert len(spool.waiting()) == 2001
    said = capsys.readouterr().err
    assert "Delivered 1 runs" in said and f"{'e' * 32}.zip is no run" in said


def test_the_store_of_a_run_is_known_by_its_files_last_bytes_or_all_of_them(tmp_path: Path) -> None:
    spool = Outbox(tmp_path)
    sent = QueuedRun(outbox_file.new_id(), "http://here", "perfexp", 2000, draft())
    with spool.hold(sent):
        [path] = spool.waiting()
    assert outbox_file.is_for(path, "http://here") and not outbox_file.is_for(path, "http://there")
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b""  # as the first of these files were
    assert outbox_file.is_for(path, "http://here") and not outbox_file.is_for(path, "http://there")
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = outbox_file._mark("http://there")
    with pytest.raises(outbox_file.Damaged, match="last bytes are not those of its store"):
        outbox_file.address(path)
    path.unlink()
    assert not outbox_file.is_for(path, "http://here")


def test_a_full_disk_is_not_the_files_fault(tracker: Tracker, tmp_path: Path, monkeypatch) -> None:
    path = waiting(tracker, tmp_path)

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "extractall", full)
    with pytest.raises(TrackingError, match="No space left") as caught, outbox_file.unpacked(path):
        pass
    assert not isinstance(caught.value, outbox_file.Damaged)


def test_another_format_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "0.zip", "w") as archive:
        archive.writestr("run.json", '{"format": 2}')
    with pytest.raises(outbox_file.Damaged, match="it has format 2, this version reads 1"):
        outbox_file.address(tmp_path / "0.zip")


@pytest.mark.parametrize("step", ["put", "deliver", *STEPS, "remove"])
def test_a_kill_while_a_run_is_written_loses_and_doubles_nothing(
    unopened: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def write(_number: int) -> None:
        tracker = open_tracker(None, Path("mlruns"), None)
        places = {"put": (os, "fsync"), "deliver": (delivery, "deliver"), "remove": (Outbox, "remove")}
        setattr(*places[step], die) if step in places else dying(step)
        tracker.submit(draft(folder=tmp_path))

    assert forked(write) == [-signal.SIGKILL]
    assert forked(lambda _: perfexp("sync")) == [0]
    assert len(whole(unopened)) == (0 if step == "put" else 1)
    assert os.listdir(tmp_path / "mlruns" / "spool") == []


@pytest.mark.parametrize("step", ["deliver", *STEPS, "remove"])
def test_a_kill_of_the_delivery_loses_and_doubles_nothing(unopened: str, tmp_path: Path, step: str) -> None:
    sent = QueuedRun(outbox_file.new_id(), unopened, "perfexp", 2000, draft(folder=tmp_path))
    with Outbox(Path("mlruns")).hold(sent):
        pass

    def deliver(_number: int) -> None:
        places = {"deliver": (delivery, "deliver"), "remove": (Outbox, "remove")}
        setattr(*places[step], die) if step in places else dying(step)
        open_tracker(None, Path("mlruns"), None)

    assert forked(deliver) == [-signal.SIGKILL]
    assert forked(deliver) == ([0] if step == "create_run" else [-signal.SIGKILL])  # it was created once
    assert forked(lambda _: perfexp("sync")) == [0]
    assert whole(unopened) == [sent.id]


def test_deliveries_at_once_share_the_work(unopened: str, tmp_path: Path) -> None:
    spool = Outbox(Path("mlruns"))
    sent = [
        QueuedRun(outbox_file.new_id(), unopened, "perfexp", 2000, draft(folder=tmp_path)) for _ in range(12)
    ]
    for each in sent:
        with spool.hold(each):
            pass
    codes = forked(lambda _: perfexp("sync"), count=4)
    assert 0 in codes
    assert sorted(whole(unopened)) == sorted(each.id for each in sent)


def test_of_two_runs_of_one_delivery_one_is_left(tracker: Tracker, tmp_path: Path) -> None:
    """As after a request that the client repeats though the server had done it."""
    client = MlflowClient(tracker.uri)
    sent = QueuedRun(outbox_file.new_id(), tracker.uri, "perfexp", 2000, draft(folder=tmp_path))
    for _ in range(2):
        client.create_run(tracker.experiment_id, tags={delivery.TAG: sent.id})
    delivery.deliver(client, tracker.experiment_id, sent, again=True)
    assert whole(tracker.uri) == [sent.id]


def test_a_locked_store_is_waited_for_on_disk_and_caught_up(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(delivery, "deliver", refusing := Refusing(delivery.deliver, times=2))
    assert [tracker.submit(draft(folder=tmp_path)) for _ in range(2)] == [None, None]
    assert len(Outbox(Path("mlruns")).waiting()) == 2
    assert tracker.submit(draft(folder=tmp_path))
    assert len(whole(tracker.uri)) == 3 and refusing.refused == 2
    said = capsys.readouterr().err
    assert "database is locked" in said and "a cell waits in" in said
    assert "Delivered 2 runs that had waited" in said


class Refusing:
    """The real function, but its first calls find the database locked by another connection."""

    def __init__(self, real: Callable[..., str], times: int) -> None:
        self.real, self.times, self.refused = real, times, 0

    def __call__(self, client: MlflowClient, *arguments: object, **named: object) -> str:
        if self.refused == self.times:
            return self.real(client, *arguments, **named)
        self.refused += 1
        path = client.tracking_uri.removeprefix("sqlite:///")
        with sqlite3.connect(path, timeout=0.1) as holder, sqlite3.connect(path, timeout=0.1) as other:
            holder.execute("BEGIN IMMEDIATE")
            other.execute("BEGIN IMMEDIATE")
        raise AssertionError("the second connection was not refused")


def test_a_store_with_credentials_is_reached_by_the_address_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = "postgresql://me:secret@127.0.0.1:9/db"
    with Outbox(Path("mlruns")).hold(
        QueuedRun(outbox_file.new_id(), redacted(uri), "perfexp", 2000, draft())
    ):
        pass
    assert perfexp("sync") == 1
    told = capsys.readouterr().err
    assert "postgresql://***@127.0.0.1:9/db; give the address with its credentials" in told
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert perfexp("sync") == 1
    said = capsys.readouterr()
    assert "does not answer" in said.err and "1 runs wait" in said.out and "secret" not in said.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB of its own, below the current directory."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return filler


def test_a_store_whose_disk_is_full_gets_the_run_later(
    small_disk: Path, store_template: Path, tmp_path: Path, capsys
) -> None:
    shutil.copy(store_template, small_disk / "mlflow.db")
    uri, root = f"sqlite:///{small_disk}/mlflow.db", tmp_path / "mlruns"
    tracker = open_tracker(uri, root, None)
    filler = fill(small_disk)
    assert tracker.submit(draft(folder=tmp_path)) is None
    assert "full" in capsys.readouterr().err
    filler.unlink()
    open_tracker(uri, root, None)
    assert len(whole(uri)) == 1


def test_where_the_spools_disk_is_full_too_it_is_said(
    small_disk: Path, store_template: Path, tmp_path: Path
) -> None:
    shutil.copy(store_template, small_disk / "mlflow.db")
    tracker = open_tracker(None, small_disk, None)
    filler = fill(small_disk)
    with pytest.raises(TrackingError, match=r"^a cell is lost: .*No space left on device\).*full"):
        tracker.submit(draft(folder=tmp_path))
    filler.unlink()
    assert tracker.submit(draft(folder=tmp_path))
    assert len(whole(tracker.uri)) == 1
    assert os.listdir(small_disk / "spool") == []


def test_a_store_that_has_become_read_only_gets_the_run_later(
    small_disk: Path, store_template: Path, tmp_path: Path, capsys
) -> None:
    shutil.copy(store_template, small_disk / "mlflow.db")
    uri, root = f"sqlite:///{small_disk}/mlflow.db", tmp_path / "mlruns"
    tracker = open_tracker(uri, root, None)
    engine = tracker._client._tracking_client.store.engine
    engine.dispose()  # an open file keeps its disk writable
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert tracker.submit(draft(folder=tmp_path)) is None
    assert re.search("cannot be used.*(readonly|unable to open)", capsys.readouterr().err)
    with pytest.raises(TrackingError, match="cannot be used"):
        open_tracker(uri, root, None)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    engine.dispose()  # as a new process; an old one would keep what it can read alone
    open_tracker(uri, root, None)
    assert len(whole(uri)) == 1
