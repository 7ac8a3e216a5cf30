"""Compose a sweep's jobs: the groups once, then a copy of them for each job."""

from copy import deepcopy
from functools import lru_cache

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, ListConfig, OmegaConf

_KEPT = 16
"""Compositions cached at a time: enough for a model's backends and precisions."""


class SweepLoader(ConfigLoaderImpl):
    """Faster than Hydra's loader, which takes 60 ms a job, for jobs that mostly differ in values only."""

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        super().__init__(loader.get_search_path())
        self._parser = OverridesParser.create(config_loader=loader)
        self._compose = super().load_sweep_config
        self._composed = lru_cache(_KEPT)(lambda choices: self._compose(master, list(choices)))

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the config that Hydra's own loader gives for these overrides."""
        parsed = self._parser.parse_overrides(sweep_overrides)
        choices = [o for o in parsed if not self._is_value(o)]
        config: DictConfig = deepcopy(self._composed(tuple(str(o.input_line) for o in choices)))
        self._apply_overrides_to_config([o for o in parsed if self._is_value(o)], config)
        config.hydra.overrides.task = ListConfig(sweep_overrides)
        naming = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            parsed, naming.exclude_keys, naming.item_sep, naming.kv_sep
        )
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config

    def _is_value(self, override: Override) -> bool:
        return not override.is_hydra_override() and not self.repository.group_exists(override.key_or_group)
