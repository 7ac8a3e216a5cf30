"""A sweep begins: its store is opened, and it is told apart from others or known again."""

from collections.abc import Sequence
from datetime import datetime

from omegaconf import DictConfig, OmegaConf

from perfexp import environment
from perfexp.cache import digest
from perfexp.config.schema import Rerun, SweepConfig, TrackingConfig
from perfexp.console import terminal
from perfexp.runs import finished
from perfexp.sweep import cell_job, session
from perfexp.sweep.grid import Job
from perfexp.sweep.progress import current as ledger

_OWN = "sweep."


def begin(config: DictConfig, jobs: Sequence[Job], costs: Sequence[float], now: datetime) -> Job:
    """Open the store and the progress display; returns the overrides that every job gets besides.

    The same jobs on the same machine and versions continue the sweep they were before, under its
    id, unless everything is to be measured again.

    Raises:
        TrackingError: the store cannot be used.
    """
    tracking = TrackingConfig(config.tracking.uri, config.tracking.root)
    ledger.tracker = cell_job.tracker_of(tracking, config.experiment)
    ledger.plan(costs, terminal())
    name = config.hydra.runtime.choices.get("sweep") or "sweep"
    grid = _grid(config, jobs)
    known = None if config.sweep.rerun == Rerun.all else finished.sweep_id(ledger.tracker, grid)
    identity = {"id": known or session.new_id(name, now), "name": name, "grid": grid}
    ledger.sweep = SweepConfig(config.sweep.rerun, **identity)
    return {f"{_OWN}{key}": value for key, value in identity.items()}


def _grid(config: DictConfig, jobs: Sequence[Job]) -> str:
    """Hash of all that the sweep's cells are made from."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key not in ("hydra", "sweep")])
    swept = [sorted((k, v) for k, v in job.items() if not k.startswith(_OWN)) for job in jobs]
    return digest(
        {
            "config": OmegaConf.to_yaml(own),
            "jobs": sorted(swept),
            "host": environment.host(),
            "versions": environment.versions(),
        }
    )
