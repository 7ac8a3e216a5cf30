import numpy as np
import pandas as pd
import pytest

from perfexp.prediction import validation
from perfexp.prediction.model import domain, ensemble, held_out
from perfexp.prediction.model.linear import BY_KIND, PLAIN


def test_fold_keeps_groups_whole() -> None:
    groups = np.array(["a", "b", "c", "a", "d", "b"])
    folds = ensemble.fold(groups, 2)
    assert set(folds) == {0, 1}
    assert all(len(set(folds[groups == g])) == 1 for g in groups)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two candidates, as many as it takes to choose."""
    few = (ensemble.Candidate(PLAIN, "none"), ensemble.Candidate(BY_KIND, "none"))
    for module in (ensemble, held_out):
        monkeypatch.setattr(module, "CANDIDATES", few)


@pytest.mark.usefixtures("quick")
def test_known_physics_is_predicted_by_every_scheme(cells: pd.DataFrame) -> None:
    noise = np.exp(np.random.default_rng(0).normal(0, 0.05, len(cells)))
    cells = cells.assign(latency_ms=cells["latency_ms"] * noise)
    lines: list[str] = []
    table, scenarios = validation.validate(cells, 0.9, 0, lines.append)
    assert set(scenarios["known"]) == {"known", "new"}
    assert list(table) == validation.COLUMNS
    assert table["scheme"].value_counts().to_dict() == {"model": 160, "family": 160, "batch": 40}
    numbers = validation.summary(table).set_index("scheme").loc[["model", "family"]]
    assert numbers["median_ape"].max() < 6
    assert 85 < numbers["coverage"]["model"] < 96
    assert numbers["coverage"]["family"] > 85


@pytest.mark.usefixtures("quick")
def test_no_cell_takes_part_in_its_own_prediction_or_interval(cells: pd.DataFrame) -> None:
    groups = domain.duplicates(cells)
    own = cells["model"] == "net07"
    changed = cells.assign(latency_ms=cells["latency_ms"].where(~own, cells["latency_ms"] * 5))
    results = []
    for frame in (cells, changed):
        found = held_out.leave_out(frame, groups, 0)
        results.append((found.predict()[own], found.log_half_width(0.9)[own]))
    np.testing.assert_allclose(results[0][0], results[1][0])
    np.testing.assert_allclose(results[0][1], results[1][1])


def test_largest_batches_are_predicted_from_the_smaller_ones(cells: pd.DataFrame) -> None:
    five = cells[cells["batch_size"] == 1]
    per_image = (cells["latency_ms"] - 0.5 - 0.02 * cells["layers"]) / cells["batch_size"]
    curves = pd.concat(
        [
            five.assign(
                batch_size=size,
                latency_ms=0.5 + 0.02 * five["layers"] + size * per_image[five.index],
            )
            for size in (1, 2, 4, 8, 16, 32)
        ]
    )
    table, _ = validation.validate(curves[curves["model"] < "net05"], 0.9, 0, lambda _line: None)
    batch = table[table["scheme"] == "batch"]
    assert set(batch["batch_size"]) == {16, 32}
    np.testing.assert_allclose(batch["predicted_ms"], batch["measured_ms"], rtol=1e-6)
    assert not batch["in_domain"].any()


def test_too_few_models_are_lines(cells: pd.DataFrame) -> None:
    lines: list[str] = []
    few = cells[(cells["model"] < "net03") & (cells["batch_size"] < 64)]
    table, _ = validation.validate(few, 0.9, 0, lines.append)
    assert "too few to leave a model out" in lines[0]
    assert table.empty
