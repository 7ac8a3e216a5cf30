from math import nan

import pytest

from perfexp.sweep.estimate import seconds_left


def test_nothing_done_tells_nothing() -> None:
    assert seconds_left([], [1.0]) is None


def test_a_fixed_part_and_a_part_by_cost_are_found() -> None:
    done = [(cost, 3 + 0.5 * cost) for cost in (1.0, 2.0, 4.0, 8.0)]
    assert seconds_left(done, [16.0, 32.0]) == pytest.approx(3 + 8 + 3 + 16)


def test_it_beats_the_mean_where_cheap_cells_come_first() -> None:
    costs = [float(model * batch) for model in (1, 5, 40) for batch in (1, 2, 4, 8, 16, 32, 64)]
    seconds = [1.0 + 0.01 * cost for cost in costs]
    done = list(zip(costs[:14], seconds[:14], strict=True))
    truth = sum(seconds[14:])
    guess = seconds_left(done, costs[14:])
    assert guess == pytest.approx(truth)
    assert abs(sum(s for _, s in done) / 14 * 7 - truth) > truth / 2


@pytest.mark.parametrize(
    ("done", "ahead"),
    [
        ([(nan, 2.0), (nan, 4.0)], [nan, nan]),
        ([(5.0, 2.0), (5.0, 4.0)], [5.0, 9.0]),
        ([(1.0, 4.0), (9.0, 2.0)], [5.0, 9.0]),
        ([(1.0, 2.0), (9.0, 4.0)], [nan, 9.0]),
    ],
)
def test_costs_that_do_not_tell_leave_the_mean(done: list[tuple[float, float]], ahead: list[float]) -> None:
    assert seconds_left(done, ahead) == pytest.approx(6.0)


def test_no_time_is_left_below_zero() -> None:
    assert seconds_left([(10.0, 1.0), (20.0, 30.0)], [1.0]) == pytest.approx(0.1 * 13.0, rel=0.1)
