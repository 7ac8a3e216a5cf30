import numpy as np
import pandas as pd
import pytest

from perfexp.prediction import acquisition
from perfexp.prediction.acquisition import Budget
from perfexp.prediction.model.linear import Array
from perfexp.prediction.pool import Pool


def alike(_backend: str, pool: Pool) -> Array:
    return np.ones(len(pool.cells))


def test_an_active_sweep_needs_fewer_runs_than_a_random_one(cells: pd.DataFrame) -> None:
    size = np.log(cells["macs"]) - np.log(cells["macs"]).mean()
    measured = (cells["latency_ms"] * np.exp(0.5 * np.sin(3 * size))).to_numpy()
    counts = []
    for pick in (acquisition.widest(alike), acquisition.at_random(0)):
        pool = Pool.of(cells)

        def error(_pools: acquisition.Pools, pool: Pool = pool) -> float:
            known = pool.known.sum() >= 6
            return float(np.mean(np.abs(pool.predict() / measured - 1)) * 100) if known else np.nan

        steps = list(
            acquisition.acquire(
                {"": pool},
                lambda _, cell: (measured[cell], 1.0),
                Budget(runs=60, error_percent=5),
                pick,
                error,
                2,
            )
        )
        counts.append(len(steps))
        assert len({step.cell for step in steps}) == len(steps) == pool.known.sum()
        assert steps[-1].error_percent <= 5 or len(steps) == 60
    assert counts[0] < counts[1]


def test_a_dear_cell_is_put_off(cells: pd.DataFrame) -> None:
    dear = cells["batch_size"].to_numpy() > 1
    _, cell = acquisition.widest(lambda _backend, _pool: np.where(dear, 1e9, 1.0))(
        {"": Pool.of(cells)}, {"": 0.0}
    )
    assert not dear[cell]


def test_the_backend_that_was_given_least_is_next(cells: pd.DataFrame) -> None:
    pools = {"one": Pool.of(cells), "two": Pool.of(cells)}
    assert acquisition.widest(alike)(pools, {"one": 3.0, "two": 1.0})[0] == "two"


def test_a_failed_cell_is_not_tried_again_and_a_budget_ends(cells: pd.DataFrame) -> None:
    pool = Pool.of(cells.head(6))
    steps = list(
        acquisition.acquire({"": pool}, lambda *_: (None, 10.0), Budget(), acquisition.widest(alike))
    )
    assert sorted(step.cell for step in steps) == list(range(6))
    assert np.isnan(steps[-1].error_percent)
    pool = Pool.of(cells)
    steps = list(
        acquisition.acquire({"": pool}, lambda *_: (1.0, 10.0), Budget(cost=35), acquisition.widest(alike))
    )
    assert [step.cost for step in steps] == [10, 20, 30, 40]
    assert list(acquisition.trace(steps)["runs"]) == [1, 2, 3, 4]


def test_a_cell_that_failed_sends_the_sweep_elsewhere(cells: pd.DataFrame) -> None:
    pool, pick = Pool.of(cells), acquisition.widest(alike)
    steps = list(acquisition.acquire({"": pool}, lambda *_: (None, 1.0), Budget(runs=4), pick))
    assert cells["model"].iloc[[step.cell for step in steps]].nunique() == 4


def test_families_are_predicted_without_their_runs(cells: pd.DataFrame) -> None:
    cells = cells[cells["family"] < "family5"].reset_index(drop=True)
    pool = Pool.of(cells)
    assert np.isnan(pool.by_family()).all()
    pool.latency_ms[:] = cells["latency_ms"]
    before = pool.by_family()
    assert pool.error_percent() == pytest.approx(0, abs=3)
    own = (cells["family"] == "family3").to_numpy()
    pool.latency_ms[own] *= 7
    np.testing.assert_allclose(pool.by_family()[own], before[own])
