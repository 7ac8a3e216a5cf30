import pytest

from perfexp.backends.torch import TorchConfig
from perfexp.config.checks import check
from perfexp.config.schema import MeasureConfig, ModelConfig, RunConfig
from perfexp.errors import ConfigError


def config(**changes: object) -> RunConfig:
    return RunConfig(model=ModelConfig("torchvision", "resnet18"), backend=TorchConfig(), **changes)


def test_defaults_are_accepted() -> None:
    check(config())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, but got 0"),
        ({"batch_size": -1}, "batch_size must be at least 1, but got -1"),
        ({"input_size": 0}, "input_size must be at least 1"),
        ({"measure": MeasureConfig(min_iterations=5, max_iterations=4)}, "max_iterations must be at least 5"),
        ({"measure": MeasureConfig(budget_s=0.0)}, "budget_s must be positive"),
        ({"measure": MeasureConfig(time_limit_s=float("nan"))}, "time_limit_s must be positive"),
        (
            {"measure": MeasureConfig(rel_half_width=0.0)},
            "rel_half_width must lie between 0.0001 and 1.*but got 0;",
        ),
        ({"measure": MeasureConfig(rel_half_width=-0.02)}, "rel_half_width must lie between"),
        ({"measure": MeasureConfig(rel_half_width=1e-9)}, "rel_half_width must lie between"),
        ({"measure": MeasureConfig(rel_half_width=2.0)}, "rel_half_width must lie between"),
        ({"measure": MeasureConfig(rel_half_width=float("nan"))}, "rel_half_width must lie between"),
        (
            {"measure": MeasureConfig(percentiles=[90.0, 100.0])},
            "percentiles must lie .*but got 100;",
        ),
        ({"measure": MeasureConfig(percentiles=[-1.0])}, "percentiles must lie between.*but got -1;"),
        ({"measure": MeasureConfig(warmup_s=2.0, warmup_max_s=1.0)}, "warmup_max_s must be at least"),
        ({"measure": MeasureConfig(rounds=0)}, "rounds must be at least 1"),
        ({"measure": MeasureConfig(rounds=6)}, "max_rounds must be at least 6"),
        ({"measure": MeasureConfig(round_pause_s=-1.0)}, "round_pause_s must be at least 0"),
        ({"measure": MeasureConfig(calm_within=0.0)}, "calm_within must be positive"),
        ({"measure": MeasureConfig(min_s=-1.0)}, "min_s must be at least 0"),
    ],
)
def test_impossible_values_are_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check(config(**changes))
