"""The command ``perfexp``: a DictConfig becomes dataclasses, and what goes wrong a sentence."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import hydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from perfexp import job, schemas, sweep
from perfexp.config import RunConfig
from perfexp.errors import PerfexpError, TrackingError, nearest

CELL_FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
_TYPE_TRAILER = ("full_key:", "object_type=", "reference_type=")
ledger = sweep.Ledger()


def main() -> None:
    """Exit 0 when every cell was measured, 1 when one was not, 2 on bad input."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    signal.signal(signal.SIGTERM, _terminated)
    try:
        schemas.register()
        sys.argv[1:] = map(schemas.spelled, sys.argv[1:])
        run = hydra.main(version_base="1.3", config_path=str(schemas.conf_dir()), config_name="run")
        try:
            run(_task)()
        finally:
            _finish()
    except KeyboardInterrupt:
        _exit("Stopped by Ctrl-C; the runs that were finished are kept.", INTERRUPTED)
    except MissingConfigException as error:
        _exit(_unknown_choice(error), BAD_INPUT)
    except (PerfexpError, HydraException, OmegaConfBaseException) as error:
        _exit(_sentence(error), BAD_INPUT)
    except OSError as error:
        _exit(
            f"{error.filename or 'A file'} cannot be used ({error.strerror}); check disk and rights.",
            BAD_INPUT,
        )
    sys.exit(CELL_FAILED if ledger.failed else 0)


def _task(config: DictConfig) -> sweep.Outcome:
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        _exit(f"{missing[0]} has no value; give one, as in {missing[0]}=….", BAD_INPUT)
    settings = OmegaConf.to_object(config)
    assert isinstance(settings, RunConfig)
    try:
        return job.run(settings, OmegaConf.to_yaml(config, resolve=True), ledger)
    except TrackingError as error:
        _exit(str(error), BAD_INPUT)
    except PerfexpError as error:
        if settings.in_sweep.id is None:
            _exit(str(error), BAD_INPUT)
        return job.refused(settings, error, ledger)


def _finish() -> None:
    """The table, the curves and the way to the UI, for whatever was measured."""
    if not ledger.outcomes or ledger.tracker is None:
        return
    from rich.console import Console

    if ledger.sweep.id:
        sweep.write_curves(ledger.tracker, ledger.outcomes, ledger.sweep)
    console = Console(width=None if sys.stdout.isatty() else 110)
    sweep.print_table(ledger.outcomes, console)
    print(f"\nLook at these runs:  {sweep.ui_command(ledger.tracker, ledger.sweep)}")


def _unknown_choice(error: MissingConfigException) -> str:
    missing = str(error.missing_cfg_file)
    group, _, name = missing.rpartition("/")
    close = nearest(name, error.options or [])
    return f"There is no {group or 'config'} named {name!r}: {close}; choose one of them."


def _sentence(error: Exception) -> str:
    """The error's own words on one line, without OmegaConf's trailer of types."""
    text = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(line for line in lines if not line.startswith(_TYPE_TRAILER))


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


def _exit(sentence: str, code: int) -> NoReturn:
    print(f"perfexp: {sentence}", file=sys.stderr)
    raise SystemExit(code)
