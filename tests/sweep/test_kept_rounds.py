import json
from pathlib import Path

import pytest

from perfexp.errors import CacheError
from perfexp.records import Block, Measurement, Pace
from perfexp.sweep.kept_rounds import KeptRounds


def a_round(ms: float = 1.0) -> Measurement:
    block = Block((ms, ms), Pace(1.0, 2.0), Pace(1.1, 2.0))
    return Measurement({"latency_p50_ms": ms}, {}, (ms, ms), (), {}, {}, {}, {}, blocks=(block,), began_s=5.0)


def test_a_round_is_found_again_as_it_was(tmp_path: Path) -> None:
    kept = KeptRounds(tmp_path)
    assert kept.of("key") == []
    kept.add("key", a_round(1.0))
    kept.add("key", a_round(2.0))
    assert kept.of("key") == [a_round(1.0), a_round(2.0)]
    assert kept.of("other") == []
    kept.remove("key")
    kept.remove("key")
    assert kept.of("key") == []


def test_what_cannot_be_read_is_said_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = KeptRounds(tmp_path)
    kept.add("key", a_round())
    [path] = tmp_path.rglob("*.jsonl")
    whole = path.read_text()
    old = json.dumps({**json.loads(whole), "format": 2})
    path.write_text(whole + old + "\n" + whole[: len(whole) // 2])
    assert kept.of("key") == [a_round()]
    assert "cannot be read" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "rounds").write_text("a file")
    with pytest.raises(CacheError, match="A finished round cannot be kept"):
        KeptRounds(tmp_path).add("key", a_round())
