"""Every job of a sweep is composed and checked before the first one is measured."""

from collections.abc import Callable, Iterable, Sequence

from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from perfexp import backends
from perfexp import cell as cells
from perfexp.config import overrides
from perfexp.config.schema import RunConfig
from perfexp.errors import ConfigError, PerfexpError, first_line
from perfexp.models import sources, weights

_SHOWN = 10
_WHOLE = ("experiment", "tracking", "sweep")
"""Options of a sweep as a whole: all its runs go to one place."""


def require_of_cells(keys: Iterable[str]) -> None:
    """Check that what is swept are options of cells.

    Raises:
        ConfigError: one is an option of the whole sweep, which would be ignored.
    """
    for key in sorted(keys):
        if key.partition(".")[0] in _WHOLE:
            raise ConfigError(
                f"{key} is one for the whole sweep, but it is swept; give it one value, on the command line "
                "or outside hydra.sweeper in the sweep's file."
            )


def require_valid(jobs: Sequence[list[str]], compose: Callable[[list[str]], DictConfig]) -> None:
    """Check all jobs, given by their overrides.

    Raises:
        ConfigError: some describe nothing that could be measured; it lists each mistake once, with the
            first job that has it.
    """
    mistakes: dict[str, list[str]] = {}
    for job in jobs:
        if reason := _mistake(job, compose):
            mistakes.setdefault(reason, []).append(" ".join(job))
    if not mistakes:
        return
    count = sum(map(len, mistakes.values()))
    told = [f"({n}) {_places(where)}: {reason}" for n, (reason, where) in enumerate(mistakes.items(), 1)]
    if len(told) > _SHOWN:
        told[_SHOWN:] = [f"and {len(told) - _SHOWN} more mistakes"]
    raise ConfigError(
        f"{count} of the sweep's {len(jobs)} jobs cannot be measured, so nothing was; correct them, or give "
        f"sweep.on_invalid=skip to measure the others: {' '.join(told)}"
    )


def _places(jobs: Sequence[str]) -> str:
    return jobs[0] if len(jobs) == 1 else f"{jobs[0]} and {len(jobs) - 1} more"


def _mistake(job: list[str], compose: Callable[[list[str]], DictConfig]) -> str | None:
    """Return why a job cannot be measured; None as far as can be told without a framework."""
    try:
        config = compose(job)
        with read_write(config), open_dict(config):  # as Hydra does before it calls the task
            del config["hydra"]
        if "measure" not in config:  # an evaluation checks its own settings
            return None
        cell = cells.from_config(overrides.complete(config, RunConfig))
        backends.create(cell.backend)
        sources.source(cell.model.source)
        weights.require(cell.weights)
    except PerfexpError as error:
        return str(error)
    except MissingConfigException as error:
        group, _, name = (error.missing_cfg_file or "").rpartition("/")
        return overrides.unknown_preset(group, name, error.options or [])
    except (HydraException, OmegaConfBaseException) as error:
        return first_line(error)
    return None
