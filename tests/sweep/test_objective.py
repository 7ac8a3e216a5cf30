import pytest

from perfexp.config.schema import ModelConfig, RunConfig, SweepConfig
from perfexp.errors import ConfigError
from perfexp.plugins import BACKENDS
from perfexp.records import Outcome
from perfexp.sweep import objective


def a_config(sought: str | None, sweep: SweepConfig | None = None) -> RunConfig:
    backend = BACKENDS.schema("fake")()
    return RunConfig(ModelConfig("timm", "a"), backend, objective=sought, sweep=sweep or SweepConfig())


def test_metrics_are_named_by_commas_or_blanks() -> None:
    assert objective.names(a_config(None)) == ()
    both = ("latency_p50_ms", "cpu_others")
    assert objective.names(a_config("latency_p50_ms, cpu_others")) == both
    assert objective.names(a_config("latency_p50_ms cpu_others")) == both


def test_an_unknown_metric_and_a_grid_are_refused() -> None:
    with pytest.raises(ConfigError, match="latency_p50_ms"):
        objective.names(a_config("latency_p50"))
    with pytest.raises(ConfigError, match="hydra/sweeper=optuna"):
        objective.names(a_config("latency_p50_ms", SweepConfig(id="mine-1")))


def test_a_trial_is_told_apart_by_what_it_was_given() -> None:
    overrides = [
        "model=resnet18",
        "+backend.threads=2",
        "batch_size=8",
        "objective=latency_p50_ms",
        "measure.rounds=1",
    ]
    assert objective.as_trial(a_config("latency_p50_ms"), overrides).sweep.variant == {"backend.threads": "2"}


def test_what_was_not_measured_fails_the_trial(capsys: pytest.CaptureFixture[str]) -> None:
    ended = Outcome("a", "fake", 1, "FINISHED", metrics={"latency_p50_ms": 4.0})
    assert objective.values(ended, ("latency_p50_ms",)) == 4.0
    assert objective.values(ended, ("latency_p50_ms", "latency_p50_ms")) == [4.0, 4.0]
    assert objective.values(ended, ("latency_p50_ms", "energy_per_image_j")) is None
    assert capsys.readouterr().out.startswith("a fake b1 has no energy_per_image_j: ")
