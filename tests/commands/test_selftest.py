from pathlib import Path

import pytest

from perfexp.commands import selftest
from perfexp.commands.selftest import Trial


def test_trial_sets_bias_apart_from_what_the_bare_loop_shares() -> None:
    trial = Trial("sleeping", 10.0, (10.06, 10.07, 10.08), 10.06, (0.01, 0.02, 0.03), ("clean",) * 3)
    assert trial.bias_us == pytest.approx(70)
    assert trial.harness_us == pytest.approx(10)
    assert trial.noise_percent == pytest.approx(0.2)
    assert trial.repeat_percent == pytest.approx(0.2)
    assert ("sleeping_bias_percent", pytest.approx(0.7), 10_000) in trial.metrics()


@pytest.mark.parametrize("busy", [True, False])
def test_bare_loop_waits_as_long_as_asked(busy: bool) -> None:
    assert selftest._bare_loop(2.0, busy) >= 2.0


@pytest.mark.slow
def test_command_measures_known_waits_and_keeps_a_run(command, tmp_path: Path) -> None:
    done = command("selftest", "latencies_ms=[1,20]", "repeats=2", "measure=quick", "measure.rounds=1")
    assert done.returncode == 0, done.stderr
    assert "busy" in done.stdout and "sleeping" in done.stdout

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("perfexp-selftest")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.tags["kind"] == "selftest"
    history = client.get_metric_history(run.info.run_id, "busy_bias_us")
    assert sorted(point.step for point in history) == [1000, 20000]
    assert all(point.value > 0 for point in history)


def test_nothing_to_measure_is_one_sentence(command) -> None:
    done = command("selftest", "repeats=0")
    assert done.returncode == 2
    assert done.stderr.startswith("perfexp selftest: repeats must be at least 1")
