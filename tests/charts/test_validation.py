import numpy as np
import pandas as pd
import pytest

from perfexp.charts import validation


@pytest.fixture
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    measured = random.lognormal(2, 1, 60)
    predicted = measured * random.lognormal(0, 0.2, 60)
    return pd.DataFrame(
        {
            "scheme": ["model", "family", "batch"] * 20,
            "family": [f"family{number % 4}" for number in range(60)],
            "batch_size": [1, 8] * 30,
            "measured_ms": measured,
            "predicted_ms": predicted,
            "low_ms": predicted / 1.3,
            "high_ms": predicted * 1.3,
        }
    )


@pytest.mark.parametrize("name", ["predicted_measured", "error_by_family", "coverage"])
def test_a_panel_a_scheme_whose_axes_have_a_unit(table: pd.DataFrame, name: str) -> None:
    drawn = getattr(validation, name)(table, *([0.9] if name == "coverage" else []))
    assert len(drawn.axes) == 3
    assert all(axes.get_xlabel().endswith(")") for axes in drawn.axes)


def test_coverage_is_the_share_inside(table: pd.DataFrame) -> None:
    drawn = validation.coverage(table, 0.9)
    rows = table[table["scheme"] == "model"]
    inside = rows["measured_ms"].between(rows["low_ms"], rows["high_ms"]).mean()
    assert drawn.axes[0].lines[0].get_xdata()[-1] == pytest.approx(100 * inside)
