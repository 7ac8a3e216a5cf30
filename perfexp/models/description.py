"""What a network is and computes, without its weights: described once on the meta device, then cached."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from perfexp.cache import Cache, digest
from perfexp.config.schema import InputFit, ModelConfig
from perfexp.environment import version
from perfexp.errors import ModelError, first_line, nearest
from perfexp.models import features, sources
from perfexp.models.base import Source

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1
"""Part of the cache's key: raise it when a field of :class:`Description` changes."""
_KIND = "description"
_UNBUILDABLE = (RuntimeError, ValueError, AssertionError)


@dataclass(frozen=True)
class Description:
    """What is known of a network without its weights.

    Attributes:
        input_size: height and width in pixels.
        family: the library's name of the architecture's family.
        features: for one image, see :func:`perfexp.models.features.summarise`.
        published_weights: name of the weights that the accuracies belong to.
        published_top1: percent.
        published_top5: percent.
    """

    input_size: int
    family: str
    features: Mapping[str, float]
    published_weights: str | None
    published_top1: float | None
    published_top5: float | None

    @property
    def params(self) -> int:
        """Learnable parameters."""
        return int(self.features["params"])

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return int(sum(self.features[f"macs_{kind}"] for kind in features.MULTIPLYING))


def describe(
    model: ModelConfig, input_size: int | None, cache: Cache, fit: InputFit = InputFit.strict
) -> Description:
    """Return the description from the cache, or make it with one run on the meta device.

    Args:
        model: any name of its source; no weights are loaded.
        input_size: height and width in pixels; None is the model's default.
        cache: where descriptions are kept.
        fit: ``grow`` raises the size to the model's minimum.

    Raises:
        ModelError: there is no such model, it cannot take the input size, or it cannot be traced.
        CacheError: the cache cannot be written.
    """
    if (found := find(model, input_size, cache, fit)) is not None:
        return found
    made = _made(model, input_size, fit)
    for key in {_key(model, input_size, fit), _key(model, made.input_size)}:
        with cache.writing(_KIND, key) as folder:
            (folder / "description.json").write_text(json.dumps(asdict(made)))
    return made


def find(
    model: ModelConfig, input_size: int | None, cache: Cache, fit: InputFit = InputFit.strict
) -> Description | None:
    """Return the description if it is in the cache; imports no framework."""
    key = _key(model, input_size, fit)
    if not cache.has(_KIND, key):
        return None
    return Description(**json.loads((cache.entry(_KIND, key) / "description.json").read_text()))


def identity(model: ModelConfig) -> dict[str, object]:
    """Return what decides the architecture: library, name, classes and library versions."""
    versions = {package: version(package) for package in sources.source(model.source).packages}
    return {"source": model.source, "name": model.name, "classes": model.classes, "versions": versions}


def _key(model: ModelConfig, input_size: int | None, fit: InputFit = InputFit.strict) -> str:
    smallest = model.min_input_size if fit == InputFit.grow else 1
    size = {"smallest": smallest} if input_size is None else {"size": max(input_size, smallest)}
    return digest({**identity(model), **size, "format": (FORMAT, features.FORMAT)})


def _made(model: ModelConfig, input_size: int | None, fit: InputFit) -> Description:
    source, known = sources.source(model.source), sources.source(model.source).names()
    if model.name.split(".")[0] not in known:
        raise ModelError(
            f"{model.source} has no model named {model.name!r}: {nearest(model.name, known)}; "
            "set model.name to one."
        )
    facts = source.facts(model.name)
    size = input_size or facts.input_size
    if fit == InputFit.grow:
        size = max(size, model.min_input_size)
    try:
        found = _features(source, model, size)
    except (ModelError, *_UNBUILDABLE) as error:
        raise _explained(error, source, model, size, facts.input_size) from error
    published = (facts.published_weights, facts.published_top1, facts.published_top5)
    return Description(size, facts.family, found, *published)


def _features(source: Source, model: ModelConfig, size: int) -> dict[str, float]:
    from perfexp.models import tracing

    network = _on_meta(source, model, size)
    layers = tracing.trace(model.name, network, size)
    return features.summarise(layers, sum(parameter.numel() for parameter in network.parameters()))


def _on_meta(source: Source, model: ModelConfig, size: int) -> "nn.Module":
    import torch

    from perfexp.models import tracing

    try:
        with torch.device("meta"):
            return source.build(model.name, size, pretrained=False, classes=model.classes)
    except RuntimeError:  # some architectures compute their widths with tensors, whose values they read
        with tracing.EmptyOnMeta():
            return source.build(model.name, size, pretrained=False, classes=model.classes).to("meta")


def _explained(error: Exception, source: Source, model: ModelConfig, size: int, default: int) -> ModelError:
    """Return the error that names the smallest input size, or ``error`` if none is known to work."""
    smallest = _smallest(source, model, size, default)
    if smallest is None and isinstance(error, ModelError):
        return error
    reason = first_line(error).rstrip(".")
    takes = f"the smallest it takes is {smallest}" if smallest else f"its default is {default}"
    return ModelError(
        f"{model.name} cannot take {size} × {size} images ({reason}); {takes}: set input_size to that, "
        "or input_fit=grow where the model's file names its minimum."
    )


def _smallest(source: Source, model: ModelConfig, refused: int, default: int) -> int | None:
    """Bisect between a refused size and the model's default."""
    if refused >= default or not _takes(source, model, default):
        return None
    low, high = refused, default
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _takes(source, model, middle) else (middle, high)
    return high


def _takes(source: Source, model: ModelConfig, size: int) -> bool:
    try:
        _features(source, model, size)
    except (ModelError, *_UNBUILDABLE):
        return False
    return True
