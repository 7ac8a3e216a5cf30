from io import StringIO

import pytest
from rich.console import Console

from perfexp.outcomes import FINISHED, SKIPPED, Outcome
from perfexp.sweep.progress import SweepProgress


def outcome(batch_size: int = 1, status: str = FINISHED) -> Outcome:
    numbers = {"latency_p50_ms": 2.0 * batch_size} if status in (FINISHED, SKIPPED) else {}
    return Outcome(
        "resnet18", "torch", batch_size, status, "" if status == FINISHED else "It broke.", None, numbers
    )


def test_a_cell_measured_before_is_no_failure() -> None:
    ledger = SweepProgress()
    ledger.add(outcome())
    ledger.add(outcome(status=SKIPPED))
    assert not ledger.failed
    ledger.add(outcome(status="FAILED"))
    assert ledger.failed


def test_lines_tell_place_number_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = SweepProgress()
    ledger.plan([1.0, 2.0, 3.0], Console(file=StringIO(), force_terminal=False))
    for cell in (outcome(2), outcome(4, SKIPPED), outcome(8, "FAILED")):
        ledger.begin(cell.title)
        ledger.add(cell)
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("[1/3] resnet18 torch b2: 4.000 ms (0 s, about 0 s left)")
    assert second.startswith("[2/3] resnet18 torch b4: 8.000 ms, measured before (")
    assert third == "[3/3] resnet18 torch b8: It broke. (0 s)"


def test_what_was_skipped_does_not_shorten_the_estimate() -> None:
    ledger = SweepProgress()
    ledger.plan([1.0] * 4, Console(file=StringIO()))
    ledger.add(outcome(1, SKIPPED))
    assert ledger.seconds_left() is None
    ledger.begin("resnet18 torch b2")
    assert ledger._cell_began is not None
    ledger._cell_began -= 10
    ledger.add(outcome(2))
    assert ledger.seconds_left() == pytest.approx(20, rel=0.05)


def test_a_terminal_gets_a_bar_that_counts(capsys: pytest.CaptureFixture[str]) -> None:
    screen = StringIO()
    ledger = SweepProgress()
    ledger.plan([1.0] * 4, Console(file=screen, force_terminal=True, width=120))
    for status in (FINISHED, SKIPPED, "FAILED"):
        ledger.add(outcome(2, status))
    ledger.begin("vgg16 torch b8")
    shown = screen.getvalue()
    assert "1 done, 1 failed, 1 skipped" in shown and "vgg16 torch b8" in shown and "3/4" in shown
    ledger.close()
    assert "[2/4] resnet18 torch b2: 4.000 ms, measured before" in shown
    assert not capsys.readouterr().out


def test_cells_of_other_processes_give_no_estimate() -> None:
    ledger = SweepProgress()
    ledger.plan([1.0] * 4, Console(file=StringIO()))
    ledger.add(outcome(2))
    assert ledger.seconds_left() is None
