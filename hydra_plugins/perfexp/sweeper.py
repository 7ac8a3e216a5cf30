"""The sweeper that ``perfexp --multirun`` uses, thin over :mod:`perfexp.sweep.grid` and the ledger."""

from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import datetime
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.perfexp.configuration import ActiveConf
from hydra_plugins.perfexp.loader import SweepLoader

if TYPE_CHECKING:
    from perfexp.outcomes import Outcome
    from perfexp.sweep.grid import Job


class PerfexpSweeper(Sweeper):
    """Runs the product of all swept keys; a key given on the command line replaces the sweep's own.

    Attributes:
        here: the jobs run in this process, which then keeps the ledger while they do.
    """

    def __init__(
        self,
        params: dict[str, str] | None = None,
        grids: Sequence[dict[str, object]] = (),
        exclude: Sequence[dict[str, object]] = (),
        active: ActiveConf | None = None,
    ) -> None:
        self.active = active
        self.grids = [{**(params or {}), **_texts(grid)} for grid in grids or [{}]]
        self.exclude = [_texts(exclusion) for exclusion in exclude]
        self.here = False
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None
        self.hydra_context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.hydra_context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.here = isinstance(self.launcher, BasicLauncher)
        if self.here:
            own = HydraContext(SweepLoader(hydra_context.config_loader, config), hydra_context.callbacks)
            self.launcher.setup(hydra_context=own, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> None:
        from perfexp.sweep import costs, sweeping
        from perfexp.sweep import grid as grids

        assert self.config is not None
        jobs = self._jobs(arguments)
        models = {grids.model(job) for job in jobs}
        macs = costs.macs(models) if len(models) > 1 else dict.fromkeys(models, 1.0)
        jobs = grids.by_cost(jobs, macs)
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        job_costs = [grids.cost(job, macs) for job in jobs]
        if self.active is not None:
            job_costs = [nan] * min(len(jobs), self.active.runs or len(jobs))
        identity = sweeping.begin(self.config, jobs, job_costs, datetime.now())
        if self.active is not None:
            self._explore(jobs, identity, self.active)
            return
        overrides = [[f"{key}={value}" for key, value in {**job, **identity}.items()] for job in jobs]
        self._launch(overrides, identity["sweep.id"])

    def _jobs(self, arguments: list[str]) -> "list[Job]":
        from perfexp.errors import ConfigError
        from perfexp.sweep import grid as grids

        given = self._choices(arguments)
        jobs = grids.union([{**self._choices(self._own(grid)), **given} for grid in self.grids])
        left = grids.without(jobs, self.exclude, self._settled({key for job in jobs for key in job}))
        if not left:
            raise ConfigError("The sweep's exclusions leave no cell; drop or narrow hydra.sweeper.exclude.")
        return left

    def _launch(self, jobs: list[list[str]], sweep_id: str) -> None:
        """Give the launcher its jobs, and the ledger those that other processes ended."""
        from perfexp.sweep.progress import current

        errors: list[Exception] = []
        with closing(self._returned(jobs, sweep_id)) as returns:
            for index, returned in returns:
                ended = self._ended(returned, jobs[index])
                if isinstance(ended, Exception):
                    errors.append(ended)
                elif not self.here:
                    current.add(ended)
        if errors:
            raise errors[0]

    def _returned(
        self,
        jobs: list[list[str]],
        sweep_id: str,
    ) -> Generator[tuple[int, JobReturn], None, None]:
        """Each job's place with its return: as they end where they run here or the launcher can tell."""
        from perfexp.sweep import watching
        from perfexp.sweep.progress import current
        from perfexp.sweep.remote import RemoteLauncher

        assert self.launcher is not None
        if self.here:
            for number, job in enumerate(jobs):
                for returned in self.launcher.launch([job], number):
                    yield number, returned
        elif isinstance(self.launcher, RemoteLauncher):
            yield from self.launcher.collect(jobs, 0)
        else:
            with watching.watched(current, sweep_id):
                returns = self.launcher.launch(jobs, 0)
            yield from enumerate(returns)

    def _ended(self, returned: JobReturn, job: list[str]) -> "Outcome | Exception":
        """What a job returned or raised; the others run on."""
        from perfexp.errors import LaunchError
        from perfexp.outcomes import LOST, Outcome

        try:
            outcome: Outcome = returned.return_value
            return outcome
        except LaunchError as error:
            assert self.hydra_context is not None and self.config is not None
            cell = self.hydra_context.config_loader.load_sweep_config(self.config, job)
            return Outcome(cell.model.name, cell.backend.name, cell.batch_size, LOST, str(error))
        except Exception as error:  # noqa: BLE001 - raised again after the last job
            return error

    def _explore(self, jobs: "list[Job]", identity: "Job", limits: ActiveConf) -> None:
        """Give the launcher one job after the other, each chosen by what the ones before it told."""
        from perfexp.sweep import active
        from perfexp.sweep.progress import current

        assert self.config is not None and self.launcher is not None
        launcher = self.launcher

        def launch(job: "Job") -> "Outcome":
            overrides = [f"{key}={value}" for key, value in {**job, **identity}.items()]
            outcome = self._ended(next(iter(launcher.launch([overrides], len(current.outcomes)))), overrides)
            if isinstance(outcome, Exception):
                raise outcome
            if not self.here:
                current.add(outcome)
            return outcome

        active.explore(self.config, jobs, limits.runs, limits.minutes, limits.error_percent, launch)

    def _choices(self, overrides: list[str]) -> dict[str, list[str]]:
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        return {o.get_key_element(): _values(o) for o in parser.parse_overrides(overrides)}

    def _own(self, grid: dict[str, str]) -> list[str]:
        return [f"{key}={value}" for key, value in grid.items()]

    def _settled(self, swept: set[str]) -> "Job":
        """What the keys of the exclusions are where a job does not say."""
        from perfexp.errors import ConfigError, nearest

        assert self.config is not None
        settled = {}
        for key in {key for exclusion in self.exclude for key in exclusion}:
            found = self.config.hydra.runtime.choices.get(key, OmegaConf.select(self.config, key, default=""))
            if found == "" and key not in swept:
                known = [*swept, *(str(k) for k in self.config if k != "hydra")]
                raise ConfigError(
                    f"A sweep's exclusion names {key!r}, which no job has: {nearest(key, known)}; correct it."
                )
            settled[key] = _text(found)
        return settled


def _texts(mapping: dict[str, object]) -> dict[str, str]:
    return {key: _text(value) for key, value in mapping.items()}


def _text(value: object) -> str:
    return "null" if value is None else str(value)


def _values(override: Override) -> list[str]:
    if override.is_sweep_override():
        return list(override.sweep_string_iterator())
    return [override.get_value_element_as_str()]
