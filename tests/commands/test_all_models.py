"""The study's 33 models on both backends: the real command, every cell finished."""

import shutil
from pathlib import Path

import pytest

from perfexp import load_runs

QUICK = (
    "measure.rounds=1",
    "measure.max_rounds=1",
    "measure.calm_within=null",
    "measure.warmup_s=0",
    "measure.warmup_iterations=1",
    "measure.min_iterations=3",
    "measure.rel_half_width=0.5",
    "measure.min_s=0.05",
    "measure.warmup_max_s=0.05",
    "measure.percentiles=[]",
)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_every_model_of_the_study_on_both_backends(perfexp, tmp_path: Path) -> None:
    done = perfexp("--multirun", "sweep=study", "batch_size=1", *QUICK, timeout_s=1400)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    runs = load_runs(tracking_uri=f"sqlite:///{tmp_path}/mlruns/mlflow.db", sweep="study")
    assert runs.groupby("backend", observed=True)["model"].nunique().to_dict() == {
        "openvino": 33,
        "torch": 33,
    }
    assert len(runs) == 66
    sizes = runs.groupby("model", observed=True)["effective_input_size"].first()
    assert sizes[sizes != 32].to_dict() == {"alexnet": 64, "inception_v3": 75}
    assert (
        (runs["params"] > 0).all()
        and (runs["macs"] > 0).all()
        and runs["published_top1"].between(40, 90).all()
    )
    shutil.rmtree(tmp_path / "mlruns" / "cache")  # 7 GB of compiled models
