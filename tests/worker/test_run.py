from collections.abc import Callable
from dataclasses import replace

import pytest

from perfexp.config.schema import Cell
from perfexp.records import Failure, FailureKind, Measurement
from perfexp.worker.run import Rounds, run_cell


def of(cell: Cell, **measure: float | None) -> Cell:
    return replace(cell, measure=replace(cell.measure, **measure))


@pytest.fixture
def cell(make_cell: Callable[..., Cell]) -> Cell:
    return make_cell("fake", latency_ms=1.0)


def test_a_cell_has_its_rounds_each_in_a_process_and_apart(cell: Cell) -> None:
    slept: list[float] = []
    measured = run_cell(of(cell, rounds=3, max_rounds=3, round_pause_s=30.0), slept.append)
    assert isinstance(measured, Measurement)
    assert len(measured.rounds) == measured.metrics["rounds"] == 3
    assert [round(seconds / 30) for seconds in slept] == [0, 1, 1]


def test_further_rounds_stop_where_the_interval_is_narrow_enough(cell: Cell) -> None:
    taken = Rounds(of(cell, rounds=2, max_rounds=9, rounds_half_width=0.5, calm_within=None))
    assert taken.expected_left == 2
    while not taken.ended:
        taken.take()
    assert len(taken.measured) >= 2 and taken.expected_left == 0
    assert taken.half_width <= 0.5 or len(taken.measured) == 9


def test_a_budget_that_ends_with_the_first_round_tells_of_one_moment(make_cell: Callable[..., Cell]) -> None:
    slow = make_cell("fake", latency_ms=100.0)
    measured = run_cell(of(slow, rounds=3, max_rounds=3, budget_s=0.25, min_iterations=9))
    assert isinstance(measured, Measurement)
    assert measured.metrics["rounds"] == 1 and measured.labels["interval"] == "one moment"


def test_rounds_of_a_stopped_process_are_continued(cell: Cell) -> None:
    wanted = of(cell, rounds=2, max_rounds=2)
    first = Rounds(wanted)
    first.take()
    second = Rounds(wanted, first.measured)
    second.take()
    assert second.ended
    combined = second.outcome()
    assert isinstance(combined, Measurement) and len(combined.rounds) == 2


def test_a_round_that_fails_ends_the_cell_and_leaves_what_was_measured(cell: Cell) -> None:
    taken = Rounds(of(cell, rounds=3, max_rounds=3))
    taken.take()
    taken.failure = Failure(FailureKind.KILLED, "It died.")
    assert taken.ended
    combined = taken.outcome()
    assert isinstance(combined, Measurement) and combined.labels["failed_round"] == "It died."


def test_a_cell_that_only_fails_is_a_failure(make_cell: Callable[..., Cell]) -> None:
    assert isinstance(run_cell(make_cell("fake", fault="raise")), Failure)
