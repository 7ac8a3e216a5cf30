import pytest

from perfexp import schemas
from perfexp.backends.torch import TorchConfig
from perfexp.config import MeasureConfig, ModelConfig, RunConfig, check, flatten
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
    ],
)
def test_impossible_values_are_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check(config(**changes))


def test_flatten_joins_keys_by_dots() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": 2}}, "e": 3}) == {"a.b": 1, "a.c.d": 2, "e": 3}


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        ("backend=null,torch", "backend='null',torch"),
        ("where=batch_size < 8", 'where="batch_size < 8"'),
        ("where=host == 'here'", "where=\"host == 'here'\""),
        ('where=host == "here"', 'where="host == \\"here\\""'),
        ("where='batch_size < 8'", "where='batch_size < 8'"),
        ("path=null", "path=null"),
        ("batch_size=1,2", "batch_size=1,2"),
    ],
)
def test_overrides_are_spelled_as_hydra_needs_them(typed: str, spelled: str) -> None:
    assert schemas.spelled(typed) == spelled
