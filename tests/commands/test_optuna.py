"""Hydra's Optuna sweeper on what a job returns as its objective."""

import pytest

from perfexp import load_runs
from tests.conftest import Perfexp

STUDY = (
    *("--multirun", "hydra/sweeper=optuna", "hydra.sweeper.n_jobs=1", "hydra.sweeper.sampler.seed=1"),
    *("model=squeezenet1_1", "input_size=64", "measure=quick", "measure.rounds=1", "measure.budget_s=0.1"),
)


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
def test_a_study_finds_the_fastest_setting_of_the_fake_backend(called: Perfexp) -> None:
    done = called(
        *STUDY,
        "hydra.sweeper.n_trials=12",
        "objective=latency_p50_ms",
        "backend=fake",
        "backend.latency_ms=interval(1.0,20.0)",
    )
    assert done.returncode == 0, done.stderr
    runs = load_runs(columns=["latency_p50_ms", "run_name", "backend_latency_ms"])
    assert len(runs) == 12 and runs["run_name"].nunique() == 12
    assert runs["latency_p50_ms"].min() < 4


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
def test_a_trial_that_fails_does_not_end_the_study(called: Perfexp) -> None:
    done = called(
        *STUDY,
        "hydra.sweeper.n_trials=3",
        "objective=throughput_images_per_s",
        "hydra.sweeper.direction=maximize",
        "backend=torch",
        "backend.threads=choice(1,2)",
        "batch_size=choice(1,2)",
    )
    assert done.returncode == 0, done.stderr
    assert len(load_runs()) == 3
    done = called(
        *STUDY,
        "hydra.sweeper.n_trials=4",
        "objective=latency_p50_ms",
        "backend=fake",
        "backend.fault=choice(none,error)",
    )
    assert done.returncode == 1, done.stderr
    assert "has no latency_p50_ms" in done.stdout


def test_an_unknown_objective_is_one_sentence(called: Perfexp) -> None:
    done = called("model=squeezenet1_1", "objective=latency")
    assert done.returncode == 2
    assert "objective=latency is no metric" in done.stderr
