import os
from pathlib import Path

import pytest

from perfexp.serving import log


def test_a_log_is_continued_for_its_owner_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MOST_BYTES", 10)
    path = tmp_path / "server.log"
    path.write_text("before\n")
    path.chmod(0o600)
    with log.opened(path) as output:
        log.bound(path)
        output.write(b"refused\n")
        output.flush()
        log.bound(path)
        output.write(b"after\n")
    assert (tmp_path / "server.log.1").read_text() == "before\nrefused\n"
    assert path.read_text() == "after\n"
    assert [name for name in os.listdir(tmp_path) if (tmp_path / name).stat().st_mode & 0o077] == []
