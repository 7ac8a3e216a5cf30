"""What the networks of a sweep do, asked of a worker: the libraries stay out of this process."""

import signal
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from omegaconf import OmegaConf

from perfexp.cache import Cache
from perfexp.config import catalog
from perfexp.config.schema import InputFit, ModelConfig
from perfexp.models import description, sources
from perfexp.worker.process import process_context


@dataclass(frozen=True)
class Network:
    """A network's family, and its features for one image."""

    family: str
    features: Mapping[str, float]


def describe(names: list[str], input_size: int | None, fit: InputFit, cache: Cache) -> dict[str, Network]:
    """Every named network at the size at which it will be measured.

    Raises:
        ModelError: no such model, or its graph cannot be traced; says in which layer.
        CacheError: the cache cannot be written.
    """
    ignore = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(1, process_context(), signal.signal, ignore) as worker:
        return {name: worker.submit(_describe, name, input_size, fit, cache).result() for name in names}


def _describe(name: str, input_size: int | None, fit: InputFit, cache: Cache) -> Network:
    model = _model(name)
    found = description.describe(model, input_size, cache, fit)
    return Network(model.family or found.family, found.features)


def _model(name: str) -> ModelConfig:
    """The model as conf/model has it, else as the library that knows the name has it."""
    path = catalog.conf_dir() / "model" / f"{name}.yaml"
    if not path.is_file():
        return ModelConfig(sources.source_of(name), name)
    known = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(known, dict)
    return ModelConfig(**{str(key): value for key, value in known.items() if key != "defaults"})
