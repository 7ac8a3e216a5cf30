"""The command ``perfexp``: one cell, or a sweep of them, measured."""

import sys

from omegaconf import DictConfig, OmegaConf

from perfexp import job, sweep
from perfexp.command import Command, terminal
from perfexp.config import RunConfig
from perfexp.errors import PerfexpError, TrackingError
from perfexp.ledger import current as ledger
from perfexp.outcomes import Outcome

CELL_FAILED = 1
command = Command("perfexp", "run")


def main() -> None:
    """Exit 0 when every cell was measured, 1 when one was not, 2 on bad input."""
    command.launch(_task, _finish)
    sys.exit(CELL_FAILED if ledger.failed else 0)


def _task(config: DictConfig) -> Outcome:
    settings = command.settings(config, RunConfig)
    try:
        return job.run(settings, OmegaConf.to_yaml(config, resolve=True), ledger)
    except TrackingError as error:
        command.exit(str(error))
    except PerfexpError as error:
        if settings.sweep.id is None:
            command.exit(str(error))
        return job.refused(settings, error, ledger)


def _finish() -> None:
    """The table, the curves and the way to the UI, for whatever was measured."""
    ledger.close()
    if not ledger.outcomes or ledger.tracker is None:
        return
    if ledger.sweep.id:
        sweep.write_curves(ledger.tracker, ledger.outcomes, ledger.sweep)
    sweep.print_table(ledger.outcomes, terminal())
    print(f"\nLook at these runs:  {sweep.ui_command(ledger.tracker, ledger.sweep, ledger.outcomes)}")
