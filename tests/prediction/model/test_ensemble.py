import numpy as np
import pytest

from perfexp.prediction.model.ensemble import fold, pooled, weigh

GROUPS = np.repeat(np.arange(20).astype(str), 3)


def test_candidates_that_err_alike_share_and_a_clearly_worse_one_has_no_say() -> None:
    noise = np.random.default_rng(0).uniform(0.05, 0.15, (2, 60))
    weights = weigh(np.vstack([noise, noise[0] + 0.5 + 0.01 * noise[1]]), GROUPS)
    assert weights.sum() == pytest.approx(1)
    assert weights[:2].min() > 0.1
    assert weights[2] < 1e-12


def test_equal_candidates_weigh_the_same() -> None:
    assert weigh(np.full((2, 60), 0.1), GROUPS).tolist() == [0.5, 0.5]


def test_pooling_is_a_weighted_mean_of_logs() -> None:
    logs = np.array([[0.0, 1.0], [1.0, 3.0]])
    assert pooled(logs, np.array([0.75, 0.25])).tolist() == [0.25, 1.5]


def test_folds_keep_groups_whole() -> None:
    folds = fold(GROUPS, 4)
    assert set(folds) == {0, 1, 2, 3}
    assert all(len(set(folds[group == GROUPS])) == 1 for group in np.unique(GROUPS))
