import numpy as np
import pandas as pd
import pytest

from perfexp.prediction.model import batch_size, extrapolation


@pytest.fixture
def curves(cells: pd.DataFrame) -> pd.DataFrame:
    """Each network at seven sizes; another algorithm, three times dearer, serves batch 1 and 2."""
    one = cells[cells["batch_size"] == 1].head(20)
    per_image = one["latency_ms"] - 0.5 - 0.02 * one["layers"]
    sizes = (1, 2, 4, 8, 16, 32, 64)
    parts = [
        one.assign(batch_size=size, latency_ms=(5 + size * per_image) * (3 if size < 4 else 1))
        for size in sizes
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_last_points_lead_where_small_batches_are_served_otherwise(curves: pd.DataFrame) -> None:
    seen, hidden = curves[curves["batch_size"] <= 16], curves[curves["batch_size"] > 16]
    error = np.abs(extrapolation.predict(seen, hidden) / hidden["latency_ms"] - 1)
    assert error.median() < 0.05


def test_what_other_curves_do_beyond_is_learned(curves: pd.DataFrame) -> None:
    bent = curves.assign(latency_ms=curves["latency_ms"] * np.where(curves["batch_size"] == 64, 1.5, 1))
    own = bent["variant"] == "net07"
    query = bent[own & (bent["batch_size"] == 64)]
    alone = bent[bent["batch_size"] <= 32]
    others = bent[~own | (bent["batch_size"] <= 32)]
    truth = query["latency_ms"].iloc[0]
    assert extrapolation.predict(alone, query)[0] == pytest.approx(truth / 1.5, rel=0.1)
    assert extrapolation.predict(others, query)[0] == pytest.approx(truth, rel=0.1)


def test_too_short_a_curve_tells_nothing(curves: pd.DataFrame) -> None:
    short = curves[curves["batch_size"] <= 2]
    assert np.isnan(extrapolation.predict(short, curves[curves["batch_size"] == 4])).all()


def test_duplicates_do_not_predict_each_others_largest_batches(curves: pd.DataFrame) -> None:
    curves = curves[curves["variant"] < "net09"]
    own = curves["variant"] == "net03"
    copy = curves[own].assign(model="copy", variant="copy")
    both = pd.concat([curves, copy], ignore_index=True)
    changed = both["variant"].isin(["net03", "copy"]) & (both["batch_size"] >= 32)
    dear = both.assign(latency_ms=both["latency_ms"] * np.where(changed, 9, 1))
    found = [
        frame[frame["variant"] == "net03"]["predicted_ms"].to_numpy()
        for frame in map(batch_size.leave_largest, (both, dear))
    ]
    np.testing.assert_allclose(found[0], found[1])
