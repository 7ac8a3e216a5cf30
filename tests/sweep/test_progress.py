from io import StringIO
from math import nan

import pytest
from rich.console import Console

from perfexp.records import FINISHED, SKIPPED, Outcome
from perfexp.sweep.progress import SweepProgress, seconds_left


def outcome(batch_size: int = 1, status: str = FINISHED) -> Outcome:
    numbers = {"latency_p50_ms": 2.0 * batch_size} if status in (FINISHED, SKIPPED) else {}
    return Outcome(
        "resnet18", "torch", batch_size, status, "" if status == FINISHED else "It broke.", None, numbers
    )


def test_a_cell_measured_before_is_no_failure() -> None:
    progress = SweepProgress()
    progress.add(outcome())
    progress.add(outcome(status=SKIPPED))
    assert not progress.failed
    progress.add(outcome(status="FAILED"))
    assert progress.failed


def test_lines_tell_place_number_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    progress = SweepProgress()
    progress.plan([1.0, 2.0, 3.0], Console(file=StringIO(), force_terminal=False))
    for cell in (outcome(2), outcome(4, SKIPPED), outcome(8, "FAILED")):
        progress.begin(cell.title)
        progress.add(cell)
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("[1/3] resnet18 torch b2: 4.000 ms (0 s, about 0 s left)")
    assert second.startswith("[2/3] resnet18 torch b4: 8.000 ms, measured before (")
    assert third == "[3/3] resnet18 torch b8: It broke. (0 s)"


def test_what_was_skipped_does_not_shorten_the_estimate() -> None:
    now_s = 0.0
    progress = SweepProgress(clock=lambda: now_s)
    progress.plan([1.0] * 4, Console(file=StringIO()))
    progress.begin("resnet18 torch b1")
    progress.add(outcome(1, SKIPPED))
    assert progress.seconds_left() is None
    progress.begin("resnet18 torch b2")
    now_s = 10.0
    progress.add(outcome(2))
    assert progress.seconds_left() == 20.0


def test_a_terminal_gets_a_bar_that_counts(capsys: pytest.CaptureFixture[str]) -> None:
    screen = StringIO()
    progress = SweepProgress()
    progress.plan([1.0] * 4, Console(file=screen, force_terminal=True, width=120))
    for status in (FINISHED, SKIPPED, "FAILED"):
        progress.add(outcome(2, status))
    progress.begin("vgg16 torch b8")
    shown = screen.getvalue()
    assert "1 done, 1 failed, 1 skipped" in shown and "vgg16 torch b8" in shown and "3/4" in shown
    progress.close()
    assert "[2/4] resnet18 torch b2: 4.000 ms, measured before" in shown
    assert not capsys.readouterr().out


def test_cells_of_other_processes_give_no_estimate() -> None:
    progress = SweepProgress()
    progress.plan([1.0] * 4, Console(file=StringIO()))
    progress.add(outcome(2))
    assert progress.seconds_left() is None


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
