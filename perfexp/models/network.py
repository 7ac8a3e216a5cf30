"""The network of a cell: its description, the identity of its weights, and how it is built."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.cache import Cache, digest, file_digest
from perfexp.config.schema import Cell
from perfexp.models import description, sources, weights
from perfexp.models.base import Calibration
from perfexp.models.description import Description
from perfexp.models.images import calibration_of

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class CellNetwork:
    """The network of one cell; implements :class:`perfexp.models.base.Network`."""

    cell: Cell
    description: Description

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
        cell = self.cell
        return digest(
            {
                **description.identity(cell.model),
                "input_size": self.input_size,
                "weights": self.weights_identity,
                "seed": cell.seed,
            }
        )

    @property
    def calibration(self) -> Calibration:
        return calibration_of(self.cell, self.input_size)

    def build(self) -> "nn.Module":
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


@dataclass(frozen=True)
class BuiltNetwork:
    """A network built once for several steps of one process."""

    key: str
    input_size: int
    calibration: Calibration
    module: "nn.Module"

    def build(self) -> "nn.Module":
        """Return the module that was built."""
        return self.module


def find(cell: Cell, cache: Cache) -> CellNetwork | None:
    """Return the cell's network if it was described before; imports no framework."""
    found = description.find(cell.model, cell.input_size, cache, cell.input_fit)
    return None if found is None else CellNetwork(cell, found)


def describe(cell: Cell, cache: Cache) -> CellNetwork:
    """Return the cell's network, described now or before.

    Raises:
        ModelError: there is no such model, or it cannot take the input size.
        CacheError: the cache cannot be written.
    """
    return CellNetwork(cell, description.describe(cell.model, cell.input_size, cache, cell.input_fit))
