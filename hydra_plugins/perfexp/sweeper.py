# Hydra's plugin scan evaluates this module's dataclass annotations: no postponed ones here.
"""The sweeper of ``perfexp --multirun``: turns what is typed into jobs; perfexp.sweep runs them.

Every Hydra program on the machine imports this module, so it imports perfexp only when it sweeps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional  # noqa: UP035

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.perfexp.loader import SweepLoader

if TYPE_CHECKING:
    from perfexp.sweep.jobs.grid import Job


@dataclass
class ActiveConf:
    """When a sweep that chooses its cells stops: after so many runs or minutes, or at so small an error.

    ``error_percent`` is the median error over the measured cells, each predicted without its family.
    """

    runs: Optional[int] = None  # noqa: UP045
    minutes: Optional[float] = None  # noqa: UP045
    error_percent: Optional[float] = None  # noqa: UP045


@dataclass
class PerfexpSweeperConf:
    """What is swept: a value is a list or comma-separated choices, ``range()``, ``glob()`` or ``choice()``.

    ``params`` is the grid; with ``grids`` it is shared by them all, and each of them adds its own.
    ``exclude`` drops the jobs that match all patterns of one of its mappings.
    """

    _target_: str = "hydra_plugins.perfexp.sweeper.PerfexpSweeper"
    params: Optional[Dict[str, Any]] = field(default_factory=dict)  # noqa: UP006, UP045
    grids: List[Dict[str, Any]] = field(default_factory=list)  # noqa: UP006
    exclude: List[Dict[str, Any]] = field(default_factory=list)  # noqa: UP006
    active: Optional[ActiveConf] = None  # noqa: UP045


ConfigStore.instance().store(
    group="hydra/sweeper", name="perfexp", node=PerfexpSweeperConf, provider="perfexp"
)


class PerfexpSweeper(Sweeper):
    """Runs the product of all swept keys; a key given on the command line replaces the sweep's own."""

    def __init__(
        self,
        params: dict[str, object] | None = None,
        grids: Sequence[dict[str, object]] = (),
        exclude: Sequence[dict[str, object]] = (),
        active: ActiveConf | None = None,
    ) -> None:
        from perfexp.sweep.jobs.sweep_file import texts

        self.active = active
        self.grids = [texts({**(params or {}), **grid}) for grid in grids or [{}]]
        self.exclude = [texts(exclusion) for exclusion in exclude]
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None
        self.hydra_context: HydraContext | None = None
        self.fast: SweepLoader | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.hydra_context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.fast = SweepLoader(hydra_context.config_loader, config)
        if isinstance(self.launcher, BasicLauncher):
            context = HydraContext(self.fast, hydra_context.callbacks)
            self.launcher.setup(hydra_context=context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> None:
        assert self.config is not None and self.launcher is not None and self.hydra_context is not None
        config, loader = self.config, self.hydra_context.config_loader
        jobs = self._valid_jobs(arguments)
        from perfexp.console import say
        from perfexp.sweep.jobs import plan

        say(plan.told(jobs, config), flush=True)
        if config.sweep.dry_run:
            return
        from perfexp.worker import process

        in_process = isinstance(self.launcher, BasicLauncher)
        if in_process:
            process.start_server()
        from perfexp.sweep import session
        from perfexp.sweep.jobs import axes, grid, model_facts

        models = {grid.model(job) for job in jobs}
        macs = model_facts.macs(models) if len(models) > 1 else dict.fromkeys(models, 1.0)
        by_chance = in_process and not self.active and "measure" in config
        jobs = grid.shuffled(jobs) if by_chance else grid.by_cost(jobs, macs)
        folder = Path(config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(config, folder / "multirun.yaml")
        limits, costs = self.active, [grid.cost(job, macs) for job in jobs]
        if limits is not None:
            costs = [nan] * min(len(jobs), limits.runs or len(jobs))
        progress = session.current()
        identity = session.begin(config, jobs, costs, datetime.now(), progress, not in_process)
        compose = lambda overrides: loader.load_sweep_config(config, overrides)  # noqa: E731
        runner = session.Runner(self.launcher, compose, progress, in_process)
        varied = axes.varied(jobs)

        def told(job: "Job") -> list[str]:
            return _overrides({**job, **identity, **axes.override(job, varied)})

        if limits is None:
            runner.run_all([told(job) for job in jobs])
        else:
            from perfexp.prediction.acquisition import Budget
            from perfexp.sweep import active

            budget = Budget(limits.runs, limits.minutes and 60 * limits.minutes, limits.error_percent)
            run = lambda job: runner.run_one(told(job))  # noqa: E731
            active.explore(config, jobs, budget, run, progress)

    def _valid_jobs(self, arguments: list[str]) -> "list[Job]":
        """Return the jobs; where some describe nothing to measure, the sweep says whether it goes on."""
        from perfexp.config.schema import OnInvalid
        from perfexp.sweep.jobs import validation

        assert self.config is not None and self.fast is not None
        jobs = self._jobs(arguments)
        if self.config.sweep.on_invalid != OnInvalid.skip:
            compose = partial(self.fast.load_sweep_config, self.config)
            validation.require_valid([_overrides(job) for job in jobs], compose)
        return jobs

    def _jobs(self, arguments: list[str]) -> "list[Job]":
        from perfexp.errors import ConfigError
        from perfexp.sweep.jobs import grid, sweep_file, validation

        assert self.config is not None
        kind = OmegaConf.get_type(self.config)
        assert kind is not None
        typed = self._choices(arguments)
        grids = [self._choices(sweep_file.as_typed(kind, params)) for params in self.grids]
        if "measure" in self.config:
            several = {key for key, values in typed.items() if len(values) > 1}
            validation.require_of_cells(several.union(*grids) - (typed.keys() - several))
        jobs = grid.union([{**own, **typed} for own in grids])
        left = grid.without(jobs, self.exclude, self._settled({key for job in jobs for key in job}))
        if not left:
            raise ConfigError("The sweep's exclusions leave no cell; drop or narrow hydra.sweeper.exclude.")
        return left

    def _choices(self, overrides: list[str]) -> dict[str, list[str]]:
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        return {o.get_key_element(): _values(o) for o in parser.parse_overrides(overrides)}

    def _settled(self, swept: set[str]) -> "Job":
        """Return the values of the exclusions' keys in the jobs that do not set them."""
        from perfexp.errors import ConfigError, nearest
        from perfexp.sweep.jobs.sweep_file import text

        assert self.config is not None
        settled = {}
        for key in {key for exclusion in self.exclude for key in exclusion}:
            found = self.config.hydra.runtime.choices.get(key, OmegaConf.select(self.config, key, default=""))
            if found == "" and key not in swept:
                known = [*swept, *(str(k) for k in self.config if k != "hydra")]
                raise ConfigError(
                    f"A sweep's exclusion names {key!r}, which no job has: {nearest(key, known)}; correct it."
                )
            settled[key] = text(found)
        return settled


def _overrides(values: dict[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in values.items()]


def _values(override: Override) -> list[str]:
    if override.is_sweep_override():
        return list(override.sweep_string_iterator())
    return [override.get_value_element_as_str()]
