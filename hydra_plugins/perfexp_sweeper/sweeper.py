# Hydra's plugin scan evaluates this module's dataclass annotations: no postponed ones here.
"""The sweeper that ``perfexp --multirun`` uses, thin over :mod:`perfexp.sweep`."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Dict, List, Optional  # noqa: UP035

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


@dataclass
class PerfexpSweeperConf:
    """``params`` is the grid: key to comma-separated values, ``range()``, ``glob()`` or ``choice()``."""

    _target_: str = "hydra_plugins.perfexp_sweeper.sweeper.PerfexpSweeper"
    params: Optional[Dict[str, str]] = field(default_factory=dict)  # noqa: UP006, UP045


ConfigStore.instance().store(
    group="hydra/sweeper", name="perfexp", node=PerfexpSweeperConf, provider="perfexp"
)


class PerfexpSweeper(Sweeper):
    """Runs the product of all swept keys; a key given on the command line replaces the sweep's own."""

    def __init__(self, params: Optional[Dict[str, str]]) -> None:  # noqa: UP006, UP045
        self.params = dict(params or {})
        self.config: Optional[DictConfig] = None  # noqa: UP045
        self.launcher: Optional[Launcher] = None  # noqa: UP045
        self.hydra_context: Optional[HydraContext] = None  # noqa: UP045

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.hydra_context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: List[str]) -> List[JobReturn]:  # noqa: UP006
        from perfexp import sweep

        assert self.config is not None and self.launcher is not None
        jobs = sweep.grid(self._choices(arguments))
        chosen = self.config.hydra.runtime.choices.get("sweep")
        identity = (
            f"in_sweep.id={sweep.new_id(chosen, datetime.now())}",
            f"in_sweep.name={chosen or 'sweep'}",
            f"in_sweep.total={len(jobs)}",
        )
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        returns = list(self.launcher.launch([[*job, *identity] for job in jobs], initial_job_idx=0))
        for returned in returns:
            _ = returned.return_value  # raises what the job raised
        return returns

    def _choices(self, arguments: List[str]) -> Dict[str, List[str]]:  # noqa: UP006
        from perfexp.schemas import spelled

        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        own = parser.parse_overrides([spelled(f"{key}={value}") for key, value in self.params.items()])
        given = parser.parse_overrides(arguments)
        return {o.get_key_element(): _values(o) for o in (*own, *given)}


def _values(override: Override) -> List[str]:  # noqa: UP006
    if override.is_sweep_override():
        return list(override.sweep_string_iterator())
    return [override.get_value_element_as_str()]
