# Hydra's plugin scan evaluates this module's dataclass annotations: no postponed ones here.
"""What a sweep is told, below ``hydra.sweeper``."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional  # noqa: UP035

from hydra.core.config_store import ConfigStore


@dataclass
class ActiveConf:
    """When a sweep that chooses its cells stops: at most so many runs or minutes, or at so small an error.

    ``error_percent`` is the median error over the measured cells, each predicted without its family.
    """

    runs: Optional[int] = None  # noqa: UP045
    minutes: Optional[float] = None  # noqa: UP045
    error_percent: Optional[float] = None  # noqa: UP045


@dataclass
class PerfexpSweeperConf:
    """What is swept: each value is comma-separated choices, ``range()``, ``glob()`` or ``choice()``.

    ``params`` is the grid; with ``grids`` it is what they all share, and each of them adds its own.
    ``exclude`` drops the jobs that match all patterns of one of its mappings. OmegaConf turns numbers
    into text in ``params``, but not below a list: there their values are of any type.
    """

    _target_: str = "hydra_plugins.perfexp.sweeper.PerfexpSweeper"
    params: Optional[Dict[str, str]] = field(default_factory=dict)  # noqa: UP006, UP045
    grids: List[Dict[str, Any]] = field(default_factory=list)  # noqa: UP006
    exclude: List[Dict[str, Any]] = field(default_factory=list)  # noqa: UP006
    active: Optional[ActiveConf] = None  # noqa: UP045


ConfigStore.instance().store(
    group="hydra/sweeper", name="perfexp", node=PerfexpSweeperConf, provider="perfexp"
)
