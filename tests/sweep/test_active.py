"""perfexp sweep=… with a budget: which cells are measured is chosen while it runs."""

from pathlib import Path

import mlflow
import pytest

from perfexp import load_runs
from tests.conftest import Perfexp

SWEEP = """# @package _global_
hydra:
  mode: MULTIRUN
  sweeper:
    params: {model: "squeezenet1_1,mnasnet0_5,shufflenet_v2_x0_5", backend: "fake", batch_size: "1,2,4,64"}
    active: {runs: 4}
"""


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
def test_a_budget_of_runs_is_kept_and_the_trace_is_a_run(tmp_path: Path, called: Perfexp) -> None:
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "few.yaml").write_text(SWEEP)
    quick = ("input_size=32", "measure.rounds=1", "measure.budget_s=2", "measure.min_s=0.05")
    result = called("sweep=few", *quick)
    assert "Measured 4 of 12 cells" in result.stdout, result.stdout + result.stderr
    uri = f"sqlite:///{tmp_path / 'mlruns' / 'mlflow.db'}"
    runs = load_runs(kind="cell", tracking_uri=uri)
    (trace,) = load_runs(kind="active", tracking_uri=uri).to_dict("records")
    assert len(runs) == trace["runs"] == 4
    artifacts = mlflow.MlflowClient(uri).list_artifacts(trace["run_id"])
    assert {file.path for file in artifacts} >= {"trace.csv", "trace.png"}
    result = called("sweep=few", "seed=1,2", *quick)
    assert result.returncode == 2
    assert "chooses among model, backend and batch_size, but seed is swept too" in result.stderr
