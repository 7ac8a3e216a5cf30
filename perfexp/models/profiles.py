"""A network's features by name: traced once, then found in the cache."""

import json
from collections.abc import Mapping

from perfexp.cache import Cache, digest
from perfexp.config.schema import ModelConfig
from perfexp.environment import version
from perfexp.errors import ModelError, nearest
from perfexp.models import features, sources

_KIND = "features"


def profile(model: ModelConfig, input_size: int | None, cache: Cache) -> Mapping[str, float]:
    """The features of :func:`perfexp.models.features.summarise`, for one image.

    Args:
        model: any name of its source; no weights are loaded.
        input_size: height and width in pixels; None is the model's own.
        cache: where features are kept.

    Raises:
        ModelError: no such model, or its graph cannot be traced; says in which layer.
        CacheError: the cache cannot be written.
    """
    packages = sources.source(model.source).packages
    key = digest(
        {
            "source": model.source,
            "name": model.name,
            "input_size": input_size,
            "versions": {package: version(package) for package in packages},
            "format": features.FORMAT,
        }
    )
    if not cache.has(_KIND, key):
        found = _trace(model, input_size)
        with cache.writing(_KIND, key) as folder:
            (folder / "features.json").write_text(json.dumps(found))
    stored: dict[str, float] = json.loads((cache.entry(_KIND, key) / "features.json").read_text())
    return stored


def _trace(model: ModelConfig, input_size: int | None) -> dict[str, float]:
    import torch

    from perfexp.models import tracing

    source = sources.source(model.source)
    known = source.names()
    if model.name.split(".")[0] not in known:
        raise ModelError(
            f"{model.source} has no model named {model.name!r}: {nearest(model.name, known)}; "
            "set model.name to one."
        )
    size = input_size or source.facts(model.name).input_size
    try:
        with torch.device("meta"):
            network = source.build(model.name, size, pretrained=False)
    except NotImplementedError:  # some architectures compute their widths with tensors
        network = source.build(model.name, size, pretrained=False).to("meta")
    layers = tracing.trace(model.name, network, size)
    return features.summarise(layers, sum(parameter.numel() for parameter in network.parameters()))
