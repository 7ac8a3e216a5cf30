import time
from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from perfexp.config.schema import Cell
from perfexp.records import Failure, FailureKind
from perfexp.store.build import cell_run
from perfexp.store.tracker import Tracker
from perfexp.sweep.progress import SweepProgress
from perfexp.sweep.watching import watched


def test_cells_that_end_elsewhere_are_told_as_they_come(
    tracker: Tracker, make_cell: Callable[..., Cell], capsys: pytest.CaptureFixture[str]
) -> None:
    def end(sweep_id: str, at_s: float) -> None:
        outcome = Failure(FailureKind.RAISED, "It broke.")
        tracker.write(cell_run(make_cell(), "k", outcome, int(at_s * 1000), "", {"sweep_id": sweep_id}, {}))

    ledger = SweepProgress()
    ledger.tracker = tracker
    ledger.plan([1.0] * 3, Console(file=StringIO()))
    end("mine", time.time() - 60)
    with watched(ledger, "mine", every_s=0.01):
        end("other", time.time())
        end("mine", time.time() + 1)
        told, until = "", time.monotonic() + 30
        while "failed" not in told and time.monotonic() < until:
            told += capsys.readouterr().out
    assert told.startswith("[1/3] 0 done, 1 failed, 0 skipped (")
