"""The network of a cell: its description, the identity of its weights, and how it is built."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.cache import Cache, digest, file_digest
from perfexp.config.schema import Cell
from perfexp.models import description, sources, weights
from perfexp.models.description import Description
from perfexp.models.images import Calibration, calibration_of

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Network:
    """The network of one cell; ``module`` is the network itself, where it was built already."""

    cell: Cell
    description: Description
    module: "nn.Module | None" = None

    @property
    def input_size(self) -> int:
        return self.description.input_size

    @property
    def family(self) -> str:
        """The family that the model's file names, else the library's name of it."""
        return self.cell.model.family or self.description.family

    @cached_property
    def weights_identity(self) -> str:
        """Identity of the weights: a name with its release, or a checkpoint's hash."""
        weights_, path = self.cell.weights, Path(self.cell.weights)
        if weights_ == weights.PRETRAINED:
            return f"{weights_} {self.description.published_weights}"
        return f"sha256:{file_digest(path)}" if path.is_file() else weights_

    @cached_property
    def key(self) -> str:
        """Hash of everything that decides the weights."""
        weights_ = {"weights": self.weights_identity, "seed": self.cell.seed}
        return digest({**description.identity(self.cell.model), "input_size": self.input_size, **weights_})

    @property
    def calibration(self) -> Calibration:
        return calibration_of(self.cell, self.input_size)

    def build(self) -> "nn.Module":
        """Return an f32 network on the CPU, in eval mode, without gradients."""
        if self.module is not None:
            return self.module
        cell, source = self.cell, sources.source(self.cell.model.source)
        return weights.with_weights(source, cell.model, self.input_size, cell.weights, cell.seed)

    def metrics(self) -> tuple[dict[str, float], dict[str, str]]:
        """Return complexity and published accuracy, and the reason for each that is absent."""
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
        """Return the facts of the network that are not numbers."""
        known, model = self.description, self.cell.model
        named = {"family": self.family, "display_name": model.display_name or model.name}
        if known.published_weights and known.published_top1 is not None:
            named["published_weights"] = known.published_weights
        return named


def find(cell: Cell, cache: Cache) -> Network | None:
    """Return the cell's network if it was described before; imports no framework."""
    found = description.find(cell.model, cell.input_size, cache, cell.input_fit)
    return None if found is None else Network(cell, found)


def describe(cell: Cell, cache: Cache) -> Network:
    """Return the cell's network, described now or before.

    Raises:
        ModelError: there is no such model, or it cannot take the input size.
        CacheError: the cache cannot be written.
    """
    return Network(cell, description.describe(cell.model, cell.input_size, cache, cell.input_fit))
