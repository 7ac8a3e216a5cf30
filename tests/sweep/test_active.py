"""perfexp sweep=… with a budget: which cells are measured is chosen while it runs."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from omegaconf import OmegaConf

from perfexp import load_runs
from perfexp.models import features
from perfexp.prediction.acquisition import Budget, Step
from perfexp.records import SKIPPED, Outcome
from perfexp.store.tracker import Tracker
from perfexp.sweep import active
from perfexp.sweep.active import Candidates
from perfexp.sweep.jobs.model_facts import Network
from perfexp.sweep.progress import SweepProgress
from tests.conftest import Perfexp

FEATURES = tuple(features.summarise([], 1))

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


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
def test_grids_that_differ_in_another_key_are_refused(tmp_path: Path, called: Perfexp) -> None:
    (tmp_path / "sweeps").mkdir()
    grids = "[{model: a}, {model: b, seed: 1}]"
    sweeper = f'{{active: {{runs: 2}}, params: {{backend: fake, batch_size: "1,2"}}, grids: {grids}}}'
    text = "\n".join(["hydra:", "  mode: MULTIRUN", f"  sweeper: {sweeper}"])
    (tmp_path / "sweeps" / "mixed.yaml").write_text(
        text.replace("a}", "squeezenet1_1}").replace("b,", "resnet18,")
    )
    done = called("sweep=mixed")
    assert done.returncode == 2
    assert "but seed is swept too" in done.stderr


def test_looking_a_finished_cell_up_tells_nothing_of_costs() -> None:
    jobs = [{"model": name, "backend": "fake", "batch_size": "1"} for name in "abc"]
    networks: dict[str, Network] = {name: {"family": name, **dict.fromkeys(FEATURES, 1.0)} for name in "abc"}
    known = Outcome("a", "fake", 1, SKIPPED, metrics={"latency_p50_ms": 2.0})
    candidates = Candidates(jobs, networks, lambda _: known)
    for cell in range(3):
        candidates.measure("fake", cell)
    assert candidates.costs("fake", candidates.pools["fake"]).tolist() == [1.0, 1.0, 1.0]


def test_an_interrupted_trace_is_kept(monkeypatch: pytest.MonkeyPatch, tracker: Tracker) -> None:
    step = Step("fake", 0, 1, 2.0, float("nan"))

    def interrupted(*_: object) -> Iterator[Step]:
        yield step
        raise KeyboardInterrupt

    monkeypatch.setattr(active.acquisition, "acquire", interrupted)
    monkeypatch.setattr(
        active, "_networks", lambda *_: {"a": {"family": "a", **dict.fromkeys(FEATURES, 1.0)}}
    )
    progress = SweepProgress()
    progress.tracker = tracker
    config = OmegaConf.create(
        {"model": {"name": "a"}, "batch_size": 1, "hydra": {"runtime": {"choices": {"backend": "fake"}}}}
    )
    with pytest.raises(KeyboardInterrupt):
        active.explore(config, [{"model": "a"}], Budget(), lambda _: None, progress)  # type: ignore[arg-type,return-value]
    assert load_runs(kind="active")["runs"].astype(int).tolist() == [1]
