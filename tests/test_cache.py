import os
from pathlib import Path

import pytest

from perfexp.cache import Cache, digest, file_digest
from perfexp.errors import CacheError


def test_digest_ignores_order_and_sees_values() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_file_digest_follows_the_content(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    before = file_digest(file)
    file.write_bytes(b"three")
    assert file_digest(file) != before


def test_entry_appears_only_when_whole(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with pytest.raises(ValueError, match="midway"), cache.writing("kind", "key") as folder:
        (folder / "part").write_text("half")
        raise ValueError("midway")
    assert not cache.has("kind", "key")
    assert list((tmp_path / "kind").iterdir()) == []
    with cache.writing("kind", "key") as folder:
        (folder / "whole").write_text("done")
    assert (cache.entry("kind", "key") / "whole").read_text() == "done"


def test_two_writers_leave_one_whole_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.writing("kind", "key") as first, cache.writing("kind", "key") as second:
        (first / "file").write_text("same")
        (second / "file").write_text("same")
    assert [f.name for f in (tmp_path / "kind").iterdir()] == ["key"]


def test_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(CacheError, match=r"cannot be written \(No space left on device\).*free some space"),
        Cache(tmp_path).writing("kind", "key"),
        Path("/dev/full").open("w") as full,
    ):
        full.write("x")
        full.flush()
        os.fsync(full.fileno())


@pytest.mark.parametrize("harm", ["emptied", "cut", "flipped", "gone", "manifest"])
def test_a_damaged_entry_is_moved_aside_and_made_again(tmp_path: Path, harm: str, capsys) -> None:
    cache = Cache(tmp_path)
    for _ in range(2):
        with cache.writing("kind", "key") as folder:
            (folder / "below").mkdir()
            (folder / "below" / "model.bin").write_bytes(bytes(range(256)))
        assert cache.has("kind", "key")
        entry = cache.entry("kind", "key")
        file = entry / (".manifest.json" if harm == "manifest" else "below/model.bin")
        content = file.read_bytes()
        changed = {"emptied": b"", "cut": content[:100], "flipped": b"\xff" + content[1:]}
        file.unlink()
        if harm != "gone":
            file.write_bytes(changed.get(harm, b"no json"))
        assert not cache.has("kind", "key")
        assert "key was damaged" in capsys.readouterr().err
        assert (tmp_path / "kind" / "key.damaged").is_dir()


def test_entries_of_the_first_releases_are_taken_unless_a_file_is_empty(tmp_path: Path) -> None:
    entry = Cache(tmp_path).entry("kind", "key")
    entry.mkdir(parents=True)
    (entry / "a").write_text("x")
    assert Cache(tmp_path).has("kind", "key")
    (entry / "b").touch()
    assert not Cache(tmp_path).has("kind", "key")


def test_an_entry_can_be_read_by_others_and_drafts_of_killed_writers_go(tmp_path: Path) -> None:
    old, new = (tmp_path / "kind" / f".draft-{name}" for name in ("old", "new"))
    old.mkdir(parents=True)
    new.mkdir()
    os.utime(old, (0, 0))
    before = os.umask(0o022)
    try:
        with Cache(tmp_path).writing("kind", "key") as folder:
            (folder / "a").write_text("x")
    finally:
        os.umask(before)
    assert Cache(tmp_path).entry("kind", "key").stat().st_mode & 0o777 == 0o755
    assert new.is_dir() and not old.exists()
