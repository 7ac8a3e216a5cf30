"""Files that anybody may have changed: bit flips, truncation, other bytes, wrong types.

``PERFEXP_DAMAGE=2500 pytest tests/test_damage.py`` tries so many inputs with each reader.
"""

import contextlib
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perfexp import tables
from perfexp.cache import Cache
from perfexp.errors import ConfigError
from perfexp.measuring.pace import PaceHistory
from perfexp.records import variant
from perfexp.runs import finished
from perfexp.store import owner
from perfexp.store.outbox import file as outbox_file
from perfexp.store.outbox.file import Damaged, QueuedRun
from perfexp.store.outbox.queue import Outbox
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker

COUNT = int(os.environ.get("PERFEXP_DAMAGE", "60"))
VALUES: tuple[object, ...] = (
    None,
    True,
    -1,
    1e400,
    "",
    "../../x",
    "a" * 5000,
    [],
    {},
    [[]],
    "nan",
    "\x1b[2J",
    "ä",
)


def damaged(content: bytes, seed: int) -> bytes:
    """The bytes with a few bits flipped, a part cut off, doubled or replaced."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 8])):
        place = chance.randrange(len(changed)) if changed else 0
        match chance.randrange(5):
            case 0 if changed:
                changed[place] ^= 1 << chance.randrange(8)
            case 1:
                del changed[place:]
            case 2:
                del changed[place : place + chance.randrange(1, 64)]
            case 3:
                changed[place:place] = chance.randbytes(chance.randrange(1, 64))
            case _:
                changed[place:place] = changed[: chance.randrange(1, 200)]
    return bytes(changed)


def retyped(tree: object, chance: random.Random) -> object:
    """The tree with one value replaced by one of another type."""
    if isinstance(tree, dict) and tree and chance.random() < 0.9:
        key = chance.choice(list(tree))
        return {**tree, key: retyped(tree[key], chance)}
    if isinstance(tree, list) and tree and chance.random() < 0.7:
        place = chance.randrange(len(tree))
        return [*tree[:place], retyped(tree[place], chance), *tree[place + 1 :]]
    return chance.choice(VALUES)


def seeds() -> Iterator[int]:
    yield from range(COUNT)


@pytest.fixture
def good(tracker: Tracker, tmp_path: Path) -> Path:
    """A file of a run that waits."""
    (tmp_path / "table.csv").write_text("a,b")
    run = RunData(
        "a cell", "FINISHED", 1000, [("latency_p50_ms", 1.5, 0)], {"a": "b"}, {"kind": "cell"},
        {"samples.json": b"[1.5]"}, [("tables", tmp_path / "table.csv")],
    )  # fmt: skip
    sent = QueuedRun(outbox_file.new_id(), tracker.uri, "perfexp", 2000, run)
    with Outbox(tmp_path / "mlruns").hold(sent):
        pass
    return tmp_path / "mlruns" / "spool" / f"{sent.id}.zip"


def _listed(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_any_bytes_are_a_run_or_damaged(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    before = _listed(tmp_path)
    for seed in seeds():
        good.write_bytes(damaged(content, seed))
        try:
            with outbox_file.unpacked(good) as queued:
                assert queued.id == good.stem
        except Damaged as error:
            assert len(str(error).splitlines()) == 1
    assert _listed(tmp_path) == before, "nothing is written outside"


def test_any_types_are_a_run_or_damaged(good: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(good) as archive:
        content = json.loads(archive.read("run.json"))
    for seed in seeds():
        with zipfile.ZipFile(good, "w") as archive:
            archive.writestr("run.json", json.dumps(retyped(content, random.Random(seed))))
            archive.writestr("files/../../../../outside.txt", "x")
        try:
            with outbox_file.unpacked(good) as queued:
                assert isinstance(queued.run.name, str)
        except Damaged as error:
            assert len(str(error).splitlines()) == 1
    assert not list(tmp_path.parent.rglob("outside.txt"))


def test_good_neighbours_are_delivered(good: Path, tracker: Tracker, tmp_path: Path) -> None:
    content = good.read_bytes()
    for seed in range(COUNT):
        (good.parent / f"{seed:032x}.zip").write_bytes(damaged(content, seed))
    from mlflow import MlflowClient

    Outbox(tmp_path / "mlruns").deliver(MlflowClient(tracker.uri), tracker.uri)
    runs = MlflowClient(tracker.uri).search_runs([tracker.experiment_id])
    assert good.stem in {run.data.tags.get("delivery_id") for run in runs}
    Outbox(tmp_path / "mlruns").stores()  # perfexp sync reads those whose last bytes name another store
    left = {path.name for path in good.parent.glob("*.zip")}
    assert not left, "each was delivered or set aside"


def test_an_entry_of_the_cache_is_whole_or_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = Cache(tmp_path)
    with cache.writing("model", "key") as folder:
        (folder / "weights.bin").write_bytes(bytes(range(256)) * 8)
    entry = cache.entry("model", "key")
    shutil.copytree(entry, tmp_path / "whole")
    for seed in seeds():
        name = random.Random(seed).choice([path.name for path in (tmp_path / "whole").iterdir()])
        original = (tmp_path / "whole" / name).read_bytes()
        (entry / name).write_bytes(changed := damaged(original, seed))
        if cache.has("model", "key"):
            assert changed == original or name != "weights.bin"
        shutil.rmtree(tmp_path / "model")
        shutil.copytree(tmp_path / "whole", entry)


def test_the_pace_is_read_or_forgotten(tmp_path: Path) -> None:
    history = PaceHistory(Cache(tmp_path), 1)
    stored = [[0.0, 1.0, 2.0]] * 5
    for seed in seeds():
        chance = random.Random(seed)
        text = json.dumps(retyped(stored, chance)).encode()
        history._path.parent.mkdir(parents=True, exist_ok=True)
        history._path.write_bytes(damaged(text, seed) if chance.random() < 0.5 else text)
        history._read_at = None
        own = history.own(1.0)
        assert own is None or own.compute_ms > 0


TABLE = "model;backend;batch_size;latency ms\nresnet18;torch;1;12,5\nvgg16;torch;8;1.204,75\n"


def test_any_bytes_are_a_table_or_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    for seed in seeds():
        path.write_bytes(damaged(TABLE.encode("utf-8" if seed % 2 else "utf-16"), seed))
        try:
            tables.read(path)
        except ConfigError as error:
            assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("read", [owner.parse, variant])
def test_any_tag_is_read_or_nothing(read: Callable[[str], object]) -> None:
    written = owner.this_process().text() if read is owner.parse else "backend.threads=1&weights=%2Fa"
    for seed in seeds():
        read(damaged(written.encode(), seed).decode("utf-8", "replace"))


def test_any_stored_row_is_a_finished_cell_or_refused() -> None:
    row = {
        "model": "a", "backend.name": "torch", "batch_size": "1", "run_id": "r", "latency_p50_ms": 1.5,
        "verdict": "clean",
    }  # fmt: skip
    told = ("", "nan", "-1", "../x", "a" * 5000, "1e400", -1.0, 1e400, 0.0)
    for seed in seeds():
        chance = random.Random(seed)
        changed = {**row, chance.choice(list(row)): chance.choice(told)}
        changed.pop(chance.choice([*row, "none"]), None)
        with contextlib.suppress(KeyError, ValueError, OverflowError):
            finished._outcome(changed)
