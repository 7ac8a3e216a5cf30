"""Makes the dataclasses, the packaged conf/ and the user's sweeps/ known to Hydra."""

import re
import sys
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from perfexp import backends, published
from perfexp.config import catalog
from perfexp.config.schema import MeasureConfig, ModelConfig, RunConfig, TrackingConfig
from perfexp.config.settings import (
    AnalyzeConfig,
    EvaluateConfig,
    FinetuneConfig,
    ImportConfig,
    PlanConfig,
    PredictConfig,
    SelftestConfig,
    SourceConfig,
)
from perfexp.errors import ConfigError
from perfexp.evaluation import datasets

_FREE_TEXT = {"output", "path", "title", "where"}


def spelled(override: str) -> str:
    """An override as Hydra's grammar must have it.

    ``backend=null`` is a name, not the absence of a value, and ``where=batch_size < 8`` is one text.
    """
    key, equals, value = override.partition("=")
    if key == "backend":
        return key + equals + re.sub(r"(?<![^,])null(?![^,])", "'null'", value)
    if key in _FREE_TEXT and value and value != "null" and value[0] not in "'\"":
        escaped = value.replace('"', '\\"')
        return f'{key}="{escaped}"'
    return override


def register() -> None:
    """Store the schemas; each backend, data set and source brings its own."""
    store = ConfigStore.instance()
    store.store(group="schema", name="run", node=RunConfig)
    store.store(group="schema", name="import", node=ImportConfig)
    store.store(group="schema", name="analyze", node=AnalyzeConfig)
    store.store(group="schema", name="evaluate", node=EvaluateConfig)
    store.store(group="schema", name="finetune", node=FinetuneConfig)
    store.store(group="schema", name="selftest", node=SelftestConfig)
    store.store(group="schema", name="plan", node=PlanConfig)
    store.store(group="schema", name="predict", node=PredictConfig)
    store.store(group="schema", name="model", node=ModelConfig)
    store.store(group="schema", name="measure", node=MeasureConfig)
    store.store(group="schema", name="tracking", node=TrackingConfig)
    for name in backends.names():
        store.store(group="schema/backend", name=name, node=backends.backend_class(name).Config)
    for name in datasets.names():
        store.store(group="schema/dataset", name=name, node=datasets.dataset_class(name).Config)
    for name in published.names():
        store.store(group="schema/source", name=name, node=_open(published.source_class(name).Config))
    _register_sweeps()


def _open(config: type[SourceConfig]) -> DictConfig:
    """A schema whose mappings take new keys, as in ``source.batch_columns='{b8: 8}'``."""
    node = OmegaConf.structured(config)
    assert isinstance(node, DictConfig)
    for key in node:
        if not OmegaConf.is_missing(node, key) and isinstance(node[key], DictConfig):
            OmegaConf.set_struct(node[key], False)
    return node


def _register_sweeps() -> None:
    """Offer the packaged sweeps, and those in ``./sweeps``, as ``sweep=``; the user's replace ours.

    Raises:
        ConfigError: a file is not YAML.
    """
    packaged = catalog.sweeps_dir()
    _store_sweeps(packaged)
    mine = Path.cwd() / "sweeps"
    if mine.is_dir() and not mine.samefile(packaged):
        for name in _store_sweeps(mine):
            if (packaged / f"{name}.yaml").is_file():
                print(f"sweeps/{name}.yaml replaces the packaged sweep {name!r}.", file=sys.stderr)


def _store_sweeps(folder: Path) -> list[str]:
    paths = sorted(folder.glob("*.yaml"))
    for path in paths:
        try:
            node = OmegaConf.load(path)
        except (OSError, ValueError, YAMLError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(f"The sweep {path} cannot be read ({reason}); correct or remove it.") from error
        ConfigStore.instance().store(group="sweep", name=path.stem, node=node, package="_global_")
    return [path.stem for path in paths]
