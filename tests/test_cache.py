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
