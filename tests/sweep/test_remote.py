"""What is carried to another node, played on this one."""

import os
import pickle
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from perfexp.commands import _app
from perfexp.errors import LaunchError
from perfexp.sweep import remote

NOTHING = OmegaConf.create()


def seen(_config: DictConfig) -> tuple[str, dict[str, str]]:
    return str(Path.cwd()), dict(os.environ)


def ended_with_a_sentence(_config: DictConfig) -> None:
    _app.stop("perfexp", "There is no store.")


def stopped(_config: DictConfig) -> None:
    raise SystemExit(143)


@pytest.fixture
def made_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A task that was made in ``tmp_path`` and pickled, in a process that is elsewhere since."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "shared")
    monkeypatch.setenv("KMP_BLOCKTIME", "1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    task = pickle.dumps(remote.Task(seen, remote.variables()))
    monkeypatch.chdir("/")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    monkeypatch.delenv("KMP_BLOCKTIME")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    return task


def test_a_task_finds_its_directory_store_and_settings(made_here: bytes, tmp_path: Path) -> None:
    folder, environment = pickle.loads(made_here)(NOTHING)
    assert folder == str(tmp_path)
    assert environment["MLFLOW_EXPERIMENT_NAME"] == "shared"
    assert environment["KMP_BLOCKTIME"] == "1"
    assert "OMP_NUM_THREADS" not in environment
    assert environment["CUDA_VISIBLE_DEVICES"] == "1", "which GPU it gets is the engine's choice"


def test_no_secret_travels_and_a_node_without_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "lab")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "staple-battery-horse")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://lab:staple-battery-horse@db/x")
    task = pickle.dumps(remote.Task(seen, remote.variables(), remote.secrets()))
    assert b"staple" not in task
    found = pickle.loads(task)(NOTHING)[1]
    assert found["MLFLOW_TRACKING_PASSWORD"] == "staple-battery-horse"
    assert found["MLFLOW_TRACKING_URI"].endswith("@db/x")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    with pytest.raises(LaunchError, match="has no MLFLOW_TRACKING_PASSWORD, which .* start its Ray with"):
        pickle.loads(task)(NOTHING)


def test_a_node_without_the_directory_is_named(made_here: bytes, tmp_path: Path) -> None:
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    with pytest.raises(LaunchError, match=f"cannot enter {tmp_path} .*that all nodes share"):
        pickle.loads(made_here)(NOTHING)


def test_a_sentence_comes_back_and_a_stop_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LaunchError, match=r"There is no store\."):
        remote.Task(ended_with_a_sentence)(NOTHING)
    with pytest.raises(SystemExit):
        remote.Task(stopped)(NOTHING)


def test_the_root_is_handed_on_as_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "it's a 'place', with = and \\"
    folder.mkdir()
    monkeypatch.chdir(folder)
    config = OmegaConf.create({"tracking": {"root": "mlruns"}})
    given, root = remote.placed(["batch_size=1"], config)
    assert given == "batch_size=1"
    [parsed] = OverridesParser.create().parse_overrides([root])
    assert parsed.key_or_group == "tracking.root"
    assert parsed.value() == f"{folder}/mlruns"


def test_what_stands_for_a_lost_job_raises_its_reason() -> None:
    with pytest.raises(LaunchError, match=r"^The node is gone\.$"):
        _ = remote.lost("The node is gone").return_value
