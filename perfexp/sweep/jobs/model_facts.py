"""Facts about a sweep's models, read in a worker process so that this one imports no framework."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from perfexp.cache import Cache
from perfexp.config import catalog
from perfexp.config.schema import InputFit, ModelConfig
from perfexp.errors import ModelError
from perfexp.models import description, sources
from perfexp.plugins import MODEL_SOURCES
from perfexp.worker.process import obey_parent, process_context

_Facts = TypeVar("_Facts")
Network = Mapping[str, str | float]
"""A network's ``family``, and its features for one image."""


def macs(names: Collection[str]) -> dict[str, float]:
    """Return the multiply-accumulates of one image, for the models whose library publishes them.

    This takes no extra time: it starts the fork server that the first cell needs anyway.
    """
    try:
        return _in_worker(published_macs, sorted(names))
    except BrokenProcessPool:
        return {}


def describe(names: list[str], input_size: int | None, fit: InputFit, cache: Cache) -> dict[str, Network]:
    """Return every named network at the input size at which it will be measured.

    Raises:
        ModelError: no such model, its graph cannot be traced, or the tracing process died.
        CacheError: the cache cannot be written.
    """
    try:
        return _in_worker(_describe, names, input_size, fit, cache)
    except BrokenProcessPool as error:
        raise ModelError(
            f"The process that traces the sweep's {len(names)} models died; free memory or sweep fewer."
        ) from error


def published_macs(names: Collection[str]) -> dict[str, float]:
    """As :func:`macs`, but in this process."""
    found: dict[str, float] = {}
    for source in map(sources.source, MODEL_SOURCES.names()):
        known = {name: source.facts(name).published_macs for name in set(names) & set(source.names())}
        found |= {name: count for name, count in known.items() if count is not None}
    return found


def _in_worker(function: Callable[..., _Facts], *arguments: object) -> _Facts:
    with ProcessPoolExecutor(1, process_context(), obey_parent) as worker:
        return worker.submit(function, *arguments).result()


def _describe(
    names: Collection[str], input_size: int | None, fit: InputFit, cache: Cache
) -> dict[str, Network]:
    return {name: _network(name, input_size, fit, cache) for name in names}


def _network(name: str, input_size: int | None, fit: InputFit, cache: Cache) -> Network:
    model = catalog.model(name) or ModelConfig(sources.source_of(name), name)
    if input_size is not None and fit == InputFit.grow:
        input_size = max(input_size, model.min_input_size)
    found = description.describe(model, input_size, cache)
    return {"family": model.family or found.family, **found.features}
