from pathlib import Path

import pytest

from perfexp.config.schema import TrackingConfig
from perfexp.errors import TrackingError
from perfexp.store import artifacts
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker


def test_an_artifact_becomes_a_local_file_once(tracker: Tracker, tmp_path: Path) -> None:
    made = tmp_path / "network.pt"
    made.write_text("tensors")
    run_id = tracker.write(RunData("made", "FINISHED", 0, [], {}, {}, paths=[("", made)]))
    path = artifacts.local(f"runs:/{run_id}/network.pt", TrackingConfig())
    assert Path(path).read_text() == "tensors"
    assert Path(path).is_relative_to(tmp_path / "mlruns" / "cache")
    assert artifacts.local(f"runs:/{run_id}/network.pt", TrackingConfig()) == path


def test_anything_else_is_left_as_it_is() -> None:
    for weights in ("random", "pretrained", "/some/path.pt"):
        assert artifacts.local(weights, TrackingConfig()) == weights


def test_a_run_that_is_not_there_is_one_sentence(tracker: Tracker) -> None:
    with pytest.raises(TrackingError, match="cannot be used"):
        artifacts.local(f"runs:/{'0' * 32}/network.pt", TrackingConfig())
