"""The command ``perfexp``: one cell, or a sweep of them, measured."""

import sys

from omegaconf import DictConfig

from perfexp.commands._app import Command
from perfexp.config.schema import RunConfig
from perfexp.console import terminal
from perfexp.errors import PerfexpError, TrackingError
from perfexp.records import Outcome
from perfexp.sweep import cell_job, session

CELL_FAILED = 1
command = Command("perfexp", "run")


def main() -> None:
    """Exit 0 when every cell was measured, 1 when one was not, 2 on bad input."""
    command.launch(_task, _finish)
    sys.exit(CELL_FAILED if session.current().failed else 0)


def _task(config: DictConfig) -> Outcome:
    settings = command.settings(config, RunConfig)
    try:
        return cell_job.run(settings, command.text(config), session.current())
    except TrackingError as error:
        command.exit(str(error))
    except PerfexpError as error:
        if settings.sweep.id is None:
            command.exit(str(error))
        return cell_job.refused(settings, error, session.current())


def _finish() -> None:
    """The table, the curves and the way to the UI, for whatever was measured."""
    progress = session.current()
    progress.close()
    if not progress.outcomes or progress.tracker is None:
        return
    if progress.sweep.id:
        session.write_curves(progress.tracker, progress.outcomes, progress.sweep)
    session.print_table(progress.outcomes, terminal())
    print(f"\nLook at these runs:  {session.ui_command(progress.tracker, progress.sweep, progress.outcomes)}")
