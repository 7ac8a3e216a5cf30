# Hydra's plugin scan evaluates this module's dataclass annotations: no postponed ones here.
"""The sweeper that ``perfexp --multirun`` uses, thin over :mod:`perfexp.grids` and the ledger."""

from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Generator, List, Optional, Sequence, Tuple  # noqa: UP035

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from perfexp.grids import Job
    from perfexp.outcomes import Outcome


@dataclass
class PerfexpSweeperConf:
    """What is swept: each value is comma-separated choices, ``range()``, ``glob()`` or ``choice()``.

    ``params`` is the grid; with ``grids`` it is what they all share, and each of them adds its own.
    ``exclude`` drops the jobs that match all patterns of one of its mappings.
    """

    _target_: str = "hydra_plugins.perfexp_sweeper.sweeper.PerfexpSweeper"
    params: Optional[Dict[str, str]] = field(default_factory=dict)  # noqa: UP006, UP045
    grids: List[Dict[str, str]] = field(default_factory=list)  # noqa: UP006
    exclude: List[Dict[str, str]] = field(default_factory=list)  # noqa: UP006


ConfigStore.instance().store(
    group="hydra/sweeper", name="perfexp", node=PerfexpSweeperConf, provider="perfexp"
)


class PerfexpSweeper(Sweeper):
    """Runs the product of all swept keys; a key given on the command line replaces the sweep's own."""

    def __init__(
        self,
        params: Optional[Dict[str, str]] = None,  # noqa: UP006, UP045
        grids: Sequence[Dict[str, str]] = (),  # noqa: UP006
        exclude: Sequence[Dict[str, str]] = (),  # noqa: UP006
    ) -> None:
        self.params = dict(params or {})
        self.grids = list(grids) or [{}]
        self.exclude = list(exclude)
        self.config: Optional[DictConfig] = None  # noqa: UP045
        self.launcher: Optional[Launcher] = None  # noqa: UP045
        self.hydra_context: Optional[HydraContext] = None  # noqa: UP045

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.hydra_context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: List[str]) -> None:  # noqa: UP006
        from perfexp import costs, grids, sweeping

        assert self.config is not None
        jobs = self._jobs(arguments)
        models = {grids.model(job) for job in jobs}
        macs = costs.macs(models) if len(models) > 1 else dict.fromkeys(models, 1.0)
        jobs = grids.by_cost(jobs, macs)
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        identity = sweeping.begin(self.config, jobs, [grids.cost(job, macs) for job in jobs], datetime.now())
        self._launch([[f"{k}={v}" for k, v in {**job, **identity}.items()] for job in jobs])

    def _jobs(self, arguments: List[str]) -> "List[Job]":  # noqa: UP006
        from perfexp import grids

        given = self._choices(arguments)
        choices = [{**self._choices(self._own(grid)), **given} for grid in self.grids]
        jobs = grids.without(grids.union(choices), self.exclude, self._settled())
        if not jobs:
            from perfexp.errors import ConfigError

            raise ConfigError("The sweep's exclusions leave no cell; drop or narrow hydra.sweeper.exclude.")
        return jobs

    def _launch(self, jobs: List[List[str]]) -> None:  # noqa: UP006
        """Give the launcher its jobs: one after the other where they run in this process."""
        from hydra._internal.core_plugins.basic_launcher import BasicLauncher

        from perfexp.ledger import current

        assert self.launcher is not None
        here = isinstance(self.launcher, BasicLauncher)
        batches = [[job] for job in jobs] if here else [jobs]
        errors: List[Exception] = []  # noqa: UP006
        for number, batch in enumerate(batches):
            with closing(_collected(self.launcher, batch, number)) as returns:
                for index, returned in returns:
                    outcome = self._outcome(returned, batch[index], errors)
                    if outcome is not None and not here:
                        current.add(outcome)
        if errors:
            raise errors[0]

    def _outcome(
        self,
        returned: JobReturn,
        job: List[str],  # noqa: UP006
        errors: List[Exception],  # noqa: UP006
    ) -> "Optional[Outcome]":  # noqa: UP045
        from perfexp.errors import LaunchError

        try:
            outcome: Outcome = returned.return_value
            return outcome
        except LaunchError as error:
            return self._lost(job, str(error))
        except Exception as error:  # noqa: BLE001 - the others run on, and it is raised after them
            errors.append(error)
            return None

    def _lost(self, job: List[str], reason: str) -> "Outcome":  # noqa: UP006
        """The line of a cell that its launcher lost."""
        from perfexp.outcomes import LOST, Outcome

        assert self.hydra_context is not None and self.config is not None
        cell = self.hydra_context.config_loader.load_sweep_config(self.config, job)
        return Outcome(cell.model.name, cell.backend.name, cell.batch_size, LOST, reason)

    def _choices(self, overrides: List[str]) -> Dict[str, List[str]]:  # noqa: UP006
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        return {o.get_key_element(): _values(o) for o in parser.parse_overrides(overrides)}

    def _own(self, grid: Dict[str, str]) -> List[str]:  # noqa: UP006
        from perfexp.schemas import spelled

        return [spelled(f"{key}={value}") for key, value in {**self.params, **grid}.items()]

    def _settled(self) -> "Job":
        """What the keys of the exclusions are where a job does not say."""
        assert self.config is not None
        keys = {key for exclusion in self.exclude for key in exclusion}
        chosen = self.config.hydra.runtime.choices
        return {key: str(chosen.get(key) or OmegaConf.select(self.config, key)) for key in keys}


def _values(override: Override) -> List[str]:  # noqa: UP006
    if override.is_sweep_override():
        return list(override.sweep_string_iterator())
    return [override.get_value_element_as_str()]


def _collected(
    launcher: Launcher,
    jobs: List[List[str]],  # noqa: UP006
    first: int,
) -> Generator[Tuple[int, JobReturn], None, None]:  # noqa: UP006
    """Each job's place in the list with its return, as soon as there is one where the launcher can."""
    from perfexp.remote import RemoteLauncher

    if isinstance(launcher, RemoteLauncher):
        yield from launcher.collect(jobs, first)
    else:
        yield from enumerate(launcher.launch(jobs, initial_job_idx=first))
