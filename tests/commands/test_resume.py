"""Sweeps that were stopped, killed, or are simply asked for again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from perfexp import load_runs

KILLED = Path(__file__).parents[1] / "support" / "killed.py"
QUICK = (
    "backend=fake",
    "measure=quick",
    "measure.budget_s=0.05",
    "measure.warmup_s=0",
    "measure.min_s=0",
    "measure.rounds=1",
    "measure.max_rounds=1",
    "input_size=64",
)
STEPS = (
    ("perfexp.worker.process:wait", "before", 3),
    ("mlflow:MlflowClient.create_run", "after", 1),
    ("mlflow:MlflowClient.log_batch", "after", 1),
    ("mlflow:MlflowClient.log_artifacts", "after", 1),
    ("mlflow:MlflowClient.set_terminated", "after", 2),  # the first completes what the last kill left
)
"""Where the whole process is killed: while the second cell is measured, then between a run's parts."""


def runs_below(folder: Path, **options: object):
    return load_runs(tracking_uri=f"sqlite:///{folder}/mlruns/mlflow.db", **options)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL is POSIX's")
def test_a_sweep_killed_at_each_step_is_completed_without_loss_or_double(perfexp, tmp_path: Path) -> None:
    sweep = ("--multirun", *QUICK, "model=squeezenet1_1", "batch_size=range(1,8)")
    for place, moment, nth in STEPS:
        done = subprocess.run(
            [sys.executable, KILLED, place, moment, str(nth), *sweep],
            cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL, done.stderr
    finished = runs_below(tmp_path)
    assert len(finished) == 3
    done = perfexp(*sweep)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("measured before") == 3 and done.stdout.count("SKIPPED") == 3
    cells = runs_below(tmp_path, status=None)
    assert sorted(cells.query("status == 'FINISHED'")["batch_size"]) == [1, 2, 3, 4, 5, 6, 7]
    assert set(finished["run_id"]) < set(cells["run_id"])
    assert cells["status"].value_counts().to_dict() == {"FINISHED": 7}  # a run cut by a kill is completed
    assert cells["sweep_id"].nunique() == 1
    assert len(runs_below(tmp_path, kind="curve")) == 1


def test_a_kill_loses_one_round_at_most(perfexp, tmp_path: Path) -> None:
    of_three = ("measure.rounds=3", "measure.max_rounds=3", "measure.calm_within=null")
    sweep = ("--multirun", *QUICK, *of_three, "model=squeezenet1_1", "batch_size=1,2")
    done = subprocess.run(
        [sys.executable, KILLED, "perfexp.worker.run:Rounds.take", "before", "5", *sweep],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "round 2, " in done.stdout
    kept = [path.read_text().splitlines() for path in (tmp_path / "mlruns" / "rounds").iterdir()]
    assert sorted(map(len, kept)) == [2, 2]
    began = {json.loads(line)["began_s"] for lines in kept for line in lines}
    done = perfexp(*sweep)
    assert done.returncode == 0, done.stderr
    cells = runs_below(tmp_path)
    assert cells["rounds"].tolist() == [3, 3]
    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    rounds = []
    for run_id in cells["run_id"]:
        stored = Path(client.download_artifacts(run_id, "samples.json"))
        rounds += [one["began_s"] for one in json.loads(stored.read_text())["rounds"]]
    assert len(rounds) == 6 and began < set(rounds)
    assert not list((tmp_path / "mlruns" / "rounds").iterdir())


def test_asked_for_again_a_sweep_measures_only_what_it_is_told_to(called, tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "mine.yaml").write_text(
        "hydra:\n"
        "  mode: MULTIRUN\n"
        "  sweeper:\n"
        "    params: {backend: 'fake', batch_size: '2,1'}\n"
        "    grids: [{model: 'vgg11,squeezenet1_1'}, {model: alexnet, batch_size: 3}]\n"
        "    exclude: [{model: 'vgg*', batch_size: 2}, {backend: openvino}]\n"
    )
    sweep = ("--multirun", "sweep=mine", *QUICK)
    first = called(*sweep)
    assert first.returncode == 0, first.stderr
    order = [line.split("] ")[1].split(":")[0] for line in first.stdout.splitlines() if line[:1] == "["]
    assert sorted(order) == [
        *("alexnet fake b3", "squeezenet1_1 fake b1", "squeezenet1_1 fake b2", "vgg11 fake b1"),
    ]
    before = runs_below(tmp_path, sweep="mine")
    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    for run_id, model in zip(before["run_id"], before["model"], strict=True):
        client.set_tag(run_id, "verdict", "tainted" if model == "alexnet" else "clean")

    again = called(*sweep)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("SKIPPED") == 4 and again.stdout.count("measured before") == 4
    assert f"{before['latency_p50_ms'].max():.3f}" in again.stdout
    assert set(runs_below(tmp_path)["run_id"]) == set(before["run_id"])
    assert len(runs_below(tmp_path, kind="curve")) == 3

    tainted = called(*sweep, "sweep.rerun=tainted")
    assert tainted.returncode == 0, tainted.stderr
    assert tainted.stdout.count("SKIPPED") == 3
    after = runs_below(tmp_path)
    new = after[~after["run_id"].isin(before["run_id"])]
    assert new["model"].tolist() == ["alexnet"] and len(after) == 4
    assert runs_below(tmp_path, kind="superseded")["model"].tolist() == ["alexnet"]
    assert after["sweep_id"].nunique() == 1
