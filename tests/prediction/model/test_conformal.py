import math

import numpy as np
import pytest

from perfexp.prediction.model import conformal


def test_quantile_of_single_cells_has_the_finite_sample_rank() -> None:
    scores = np.arange(1, 20, dtype=float)
    groups = np.array([str(s) for s in scores])
    assert conformal.quantile(scores, groups, 0.9) == 18


def test_a_large_group_has_no_more_weight_than_a_small_one() -> None:
    scores = np.concatenate([np.full(1000, 0.1), np.arange(1, 20)])
    groups = np.array(["large"] * 1000 + [str(n) for n in range(19)])
    assert conformal.quantile(scores, groups, 0.5) > 1


def test_too_few_groups_give_the_largest_score() -> None:
    assert conformal.quantile(np.array([1.0, 3.0, math.nan]), np.array(["a", "b", "c"]), 0.9) == 3
    assert conformal.min_groups(0.9) == 9


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_new_groups_are_covered(coverage: float) -> None:
    random = np.random.default_rng(0)
    inside = []
    for _ in range(400):
        level = random.lognormal(size=41)
        scores = np.abs(level[:, None] * random.normal(size=(41, 5)))
        groups = np.repeat(np.arange(40).astype(str), 5)
        inside.append(np.mean(scores[40] <= conformal.quantile(scores[:40].ravel(), groups, coverage)))
    assert np.mean(inside) == pytest.approx(coverage, abs=0.03)


def test_cells_that_err_alike_count_as_one() -> None:
    random = np.random.default_rng(0)
    place, sizes = np.repeat(np.arange(10), 20), np.full(10, 20)
    apart, level = random.normal(size=200), np.repeat(random.normal(size=10), 20)
    assert conformal.effective_number(apart, place, sizes) > 100
    assert conformal.effective_number(level + 1e-3 * apart, place, sizes) == pytest.approx(10, rel=0.01)


def test_intervals_are_wider_where_learners_disagree() -> None:
    logs = np.array([[1.0, 1.0], [1.0, 1.5]])
    assert conformal.spread(logs, 0.1) == pytest.approx([0.1, np.hypot(0.1, 0.25)])
