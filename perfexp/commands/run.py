"""The command ``perfexp``: one cell, or a sweep of them, measured."""

import sys

from omegaconf import DictConfig

from perfexp.commands._app import Command, terminal
from perfexp.config.schema import RunConfig
from perfexp.errors import PerfexpError, TrackingError
from perfexp.outcomes import Outcome
from perfexp.sweep import cell_job, session
from perfexp.sweep.progress import current as ledger

CELL_FAILED = 1
command = Command("perfexp", "run")


def main() -> None:
    """Exit 0 when every cell was measured, 1 when one was not, 2 on bad input."""
    command.launch(_task, _finish)
    sys.exit(CELL_FAILED if ledger.failed else 0)


def _task(config: DictConfig) -> Outcome:
    settings = command.settings(config, RunConfig)
    try:
        return cell_job.run(settings, command.text(config), ledger)
    except TrackingError as error:
        command.exit(str(error))
    except PerfexpError as error:
        if settings.sweep.id is None:
            command.exit(str(error))
        return cell_job.refused(settings, error, ledger)


def _finish() -> None:
    """The table, the curves and the way to the UI, for whatever was measured."""
    ledger.close()
    if not ledger.outcomes or ledger.tracker is None:
        return
    if ledger.sweep.id:
        session.write_curves(ledger.tracker, ledger.outcomes, ledger.sweep)
    session.print_table(ledger.outcomes, terminal())
    print(f"\nLook at these runs:  {session.ui_command(ledger.tracker, ledger.sweep, ledger.outcomes)}")
