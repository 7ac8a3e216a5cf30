from pathlib import Path

from omegaconf import OmegaConf

from perfexp.config.schema import MeasureConfig, Protocol
from perfexp.sweep.jobs import plan
from tests.conftest import Perfexp


def test_the_bounds_are_those_of_the_protocol() -> None:
    measure = MeasureConfig(
        rounds=3, max_rounds=5, warmup_s=0.2, min_s=1, warmup_max_s=5, budget_s=10, calm_wait_s=1
    )
    least_s, most_s = plan.bounds_s(measure)
    assert 1.2 < least_s < 5 and 15 < most_s < 30


def test_the_line_counts_cells_and_keys() -> None:
    jobs = [{"model": "a", "batch_size": size, "seed": "1"} for size in ("1", "2")]
    config = OmegaConf.create({"measure": OmegaConf.structured(MeasureConfig(rounds=1))})
    assert plan.told(jobs, config).startswith("2 cells: 2 batch_size; one round each, between ")
    assert plan.told(jobs[:1], OmegaConf.create({})) == "1 job."


def test_a_dry_run_measures_nothing(called: Perfexp, tmp_path: Path) -> None:
    done = called("--multirun", "sweep=quick", "sweep.dry_run=true")
    assert done.returncode == 0, done.stderr
    assert "18 cells: " in done.stdout and "3 rounds or more each" in done.stdout
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()


def test_the_studys_protocol_takes_one_round_whatever_the_preset_says() -> None:
    measure = OmegaConf.structured(MeasureConfig(protocol=Protocol.study))
    config = OmegaConf.create({"measure": measure})
    assert "1 cell; one round each, between " in plan.told([{"model": "a"}], config)
