"""A launcher without its cluster: one sentence."""

from pathlib import Path

import pytest
from hydra.types import HydraContext
from omegaconf import OmegaConf

from hydra_plugins.perfexp.ray import RayLauncher
from hydra_plugins.perfexp.slurm import SlurmLauncher
from perfexp.errors import LaunchError
from perfexp.sweep.remote import RemoteLauncher


def launched(launcher: RemoteLauncher) -> None:
    config = OmegaConf.create({"tracking": {"root": "mlruns"}})
    context = HydraContext(config_loader=None, callbacks=None)
    launcher.setup(hydra_context=context, task_function=print, config=config)
    launcher.launch([["batch_size=1"]], 0)


def test_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    parameters = {"submitit_folder": str(tmp_path), "max_num_timeout": 0, "timeout_min": 1}
    with pytest.raises(
        LaunchError, match=r"^Slurm took no job \(Could not detect \"srun\".*check that sbatch"
    ):
        launched(SlurmLauncher(**parameters))


def test_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(LaunchError, match=r"^No Ray cluster answers at auto; start its nodes"):
        launched(RayLauncher(OmegaConf.create({"init": {"address": "auto"}, "remote": {}})))
    assert capsys.readouterr().err.startswith("RAY_AUTH_MODE is not token: whoever reaches")


def test_ray_without_a_token(perfexp, ready: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own: Ray reads these settings once."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    cell = ("model=squeezenet1_1", "backend=fake", "batch_size=1")
    done = perfexp("--multirun", *cell, "hydra/launcher=ray_cluster", timeout_s=60)
    assert done.returncode == 1
    assert "perfexp: RAY_AUTH_MODE is token, and Ray has none here" in done.stderr
