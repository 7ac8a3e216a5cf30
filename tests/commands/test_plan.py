import pandas as pd
import pytest

from perfexp.commands import plan


@pytest.mark.parametrize(
    ("run", "asked"),
    [
        ({"runtime": "torch", "precision": "f32", "device": "cpu", "threads": "None"}, "backend=torch"),
        (
            {"runtime": "torch", "precision": "bf16", "threads": 2.0, "backend_heap": "kept"},
            "backend=torch backend.precision=bf16 backend.threads=2 backend.heap=kept",
        ),
        ({"runtime": "torch-colab", "precision": "f32"}, "backend=torch-colab"),
    ],
)
def test_a_run_that_would_settle_is_asked_for_as_the_others_were(run: dict[str, object], asked: str) -> None:
    assert plan._on(pd.Series(run)) == asked
