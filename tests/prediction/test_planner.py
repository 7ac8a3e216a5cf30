import pandas as pd
import pytest

from perfexp.errors import ConfigError
from perfexp.prediction import service
from perfexp.prediction.model.backend_model import quiet
from perfexp.prediction.planner import PlanConfig, backend_overrides, choices, judge, refusals, to_settle

CHOICES = pd.DataFrame(
    {
        "model": ["sure", "open", "slow", "measured", "untold"],
        "batch_size": [8, 8, 8, 8, 8],
        "latency_ms": [4.0, 9.0, 40.0, 9.9, 5.0],
        "low_ms": [3.0, 7.0, 30.0, 9.9, 4.0],
        "high_ms": [5.0, 12.0, 50.0, 9.9, 6.0],
        "top1": [75.0, 75.0, 75.0, 75.0, None],
        "memory_mb": [100.0, 100.0, 100.0, 100.0, 100.0],
        "measured": [False, False, False, True, False],
    }
)


def test_an_interval_across_the_limit_is_doubtful_and_a_missing_value_too() -> None:
    judged = judge(CHOICES, {"max_latency_ms": 10, "min_top1": 72}).set_index("model")["verdict"]
    assert judged.to_dict() == {
        "sure": "meets", "measured": "meets", "open": "doubtful", "untold": "doubtful", "slow": "fails",
    }  # fmt: skip


def test_throughput_is_limited_from_below() -> None:
    judged = judge(CHOICES, {"min_throughput": 1000}).set_index("model")["verdict"]
    assert judged.to_dict() == {
        "sure": "meets", "untold": "meets", "open": "doubtful", "measured": "fails", "slow": "fails",
    }  # fmt: skip


def test_the_latency_of_a_batch_can_be_limited_by_image() -> None:
    judged = judge(CHOICES, {"max_latency_per_image_ms": 1.25}).set_index("model")["verdict"]
    assert judged.to_dict() == {
        "sure": "meets", "untold": "meets", "measured": "meets", "open": "doubtful", "slow": "fails",
    }  # fmt: skip
    assert list(judged.index) == ["sure", "measured", "untold", "open", "slow"], "without accuracy last"


def test_doubts_are_settled_by_the_cheapest_runs_first() -> None:
    limits = {"max_latency_ms": 5.5}
    assert list(to_settle(judge(CHOICES, limits), limits)["model"]) == ["untold"]
    limits = {"max_latency_ms": 10, "min_top1": 72}
    assert list(to_settle(judge(CHOICES, limits), limits)["model"]) == ["open"]


def test_measured_choices_are_listed_where_others_cannot_be_predicted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class TooFew:
        def predict(self, network: pd.DataFrame, coverage: float) -> None:
            raise ConfigError("It takes 6 models.")

    monkeypatch.setattr(service, "fitted", lambda *_, **__: TooFew())
    cell = {"model": "resnet18", "variant": "resnet18", "source": "torchvision", "backend": "torch"}
    cells = pd.DataFrame([{**cell, "runtime": "torch", "batch_size": 1, "latency_ms": 3.0}])
    said: list[str] = []
    found = choices(PlanConfig(batch_sizes=[1, 8]), cells, quiet, said.append)
    assert found["batch_size"].tolist() == [1] and found["measured"].all()
    assert said == ["1 choices that nobody measured are left out. It takes 6 models."]
    with pytest.raises(ConfigError, match="It takes 6 models"):
        choices(PlanConfig(batch_sizes=[8]), cells, quiet, said.append)


def test_limits_that_exclude_each_other_are_told_apart() -> None:
    assert refusals(CHOICES, {"max_latency_ms": 2, "min_top1": 72}) == (
        "max_latency_ms=2 alone leaves 0, min_top1=72 alone leaves 5"
    )


@pytest.mark.parametrize(
    ("run", "asked"),
    [
        ({"runtime": "torch", "precision": "f32", "device": "cpu", "threads": "None"}, "backend=torch"),
        (
            {"runtime": "torch", "precision": "bf16", "threads": 2.0, "backend_heap": "default"},
            "backend=torch backend.precision=bf16 backend.threads=2 backend.heap=default",
        ),
        ({"runtime": "torch-colab", "precision": "f32"}, "backend=torch-colab"),
    ],
)
def test_a_run_that_would_settle_is_asked_for_as_the_others_were(run: dict[str, object], asked: str) -> None:
    assert backend_overrides(pd.Series(run)) == asked
