import pandas as pd
import pytest

from perfexp.errors import ConfigError
from perfexp.prediction.model import backend_model, held_out


@pytest.fixture(scope="module")
def model(cells: pd.DataFrame) -> backend_model.BackendModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "_FOLDS_OF_FEW", 5)
        return backend_model.learn(cells[cells["model"] < "net12"], seed=0)


def query(cells: pd.DataFrame, model: str, batch_size: int) -> pd.DataFrame:
    return cells[cells["model"] == model].head(1).assign(batch_size=batch_size)


def test_a_measured_model_is_answered_by_its_own_curve(
    cells: pd.DataFrame, model: backend_model.BackendModel
) -> None:
    answer = model.predict(query(cells, "net01", 12), 0.9)
    own = cells[cells["model"] == "net01"].set_index("batch_size")["latency_ms"]
    assert answer.latency_ms == pytest.approx(own[4] + (own[16] - own[4]) * 8 / 12)
    assert answer.basis == "its own batch sizes"
    assert len(answer.run_ids) == 4
    assert answer.memory_peak_mb is None


def test_an_unmeasured_model_has_an_interval_around_it(
    cells: pd.DataFrame, model: backend_model.BackendModel
) -> None:
    answer = model.predict(query(cells, "net30", 16), 0.9)
    truth = cells[(cells["model"] == "net30") & (cells["batch_size"] == 16)]["latency_ms"].iloc[0]
    assert answer.low_ms <= answer.latency_ms <= answer.high_ms
    assert answer.latency_ms == pytest.approx(truth, rel=0.3)
    assert len(answer.run_ids) == 48


def test_a_query_far_outside_is_flagged(cells: pd.DataFrame, model: backend_model.BackendModel) -> None:
    far = query(cells, "net30", 16)
    far = far.assign(macs=far["macs"] * 1e4, macs_conv3x3=far["macs_conv3x3"] * 1e4)
    assert not model.predict(far, 0.9).in_domain
    assert not model.predict(query(cells, "net30", 100_000), 0.9).in_domain


def test_a_kept_model_answers_as_before(cells: pd.DataFrame, model: backend_model.BackendModel) -> None:
    one = query(cells, "net30", 4)
    loaded = backend_model.from_json(backend_model.to_json(model))
    assert loaded.predict(one, 0.9).latency_ms == pytest.approx(model.predict(one, 0.9).latency_ms)
    assert list(loaded.cells["run_id"]) == list(model.cells["run_id"])


def test_a_model_of_another_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="format 99"):
        backend_model.from_json('{"format": 99}')


def test_too_few_models_say_how_many_are_needed(cells: pd.DataFrame) -> None:
    few = backend_model.learn(cells[cells["model"] < "net03"], seed=0)
    with pytest.raises(ConfigError, match="predict another takes 6"):
        few.predict(query(cells, "net30", 4), 0.9)
