import numpy as np
import pandas as pd
import pytest

from perfexp.prediction.model import linear


def test_known_costs_are_found(cells: pd.DataFrame) -> None:
    fitted = linear.fit(linear.PLAIN, cells, cells["latency_ms"].to_numpy())
    terms = ("constant", "layers", "params", "batch_size·macs", "batch_size·moved")
    costs = dict(zip(terms, fitted.coefficients, strict=True))
    assert costs["constant"] == pytest.approx(0.5, rel=1e-4)
    assert costs["layers"] == pytest.approx(0.02, rel=1e-4)
    assert costs["batch_size·macs"] == pytest.approx(2e-9, rel=1e-4)
    assert costs["batch_size·moved"] == pytest.approx(3e-8, rel=1e-4)


def test_no_cost_is_negative(cells: pd.DataFrame) -> None:
    random = np.random.default_rng(1)
    fitted = linear.fit(linear.BY_KIND, cells, random.uniform(1, 2, len(cells)))
    assert fitted.coefficients.min() >= 0
    assert fitted.predict(cells).min() > 0
