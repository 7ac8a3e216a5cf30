"""PyTorch eager's logits of a network's first images, in f32 and f64: computed once, then cached."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perfexp.cache import Cache, digest
from perfexp.environment import version
from perfexp.measuring import parity
from perfexp.models.images import random_batches
from perfexp.models.network import Network

if TYPE_CHECKING:
    from torch import nn

FORMAT = 2
"""Part of the cache's key. 1: f32 logits. 2: f64 logits besides."""
_KIND = "reference"


@dataclass(frozen=True)
class Reference:
    """Logits of shape ``(images, classes)``; those in f64 are None where the network fixes f32."""

    logits: NDArray[np.float32]
    logits_f64: NDArray[np.float64] | None

    @property
    def rounding_error(self) -> float:
        """Largest error of PyTorch's f32 against f64, as :class:`perfexp.measuring.parity.Parity` has it."""
        return 0.0 if self.logits_f64 is None else parity.compare(self.logits, self.logits_f64).max_error


def is_written(network: Network, cache: Cache) -> bool:
    """Return whether the reference is in the cache."""
    return cache.has(_KIND, _key(network))


def write(network: Network, module: "nn.Module", cache: Cache) -> None:
    """Infer the first images of the cell's stream with ``module`` on the CPU, and store the logits.

    Raises:
        CacheError: the cache cannot be written.
    """
    import torch

    [images] = random_batches(network.cell.seed, 1, parity.IMAGES, network.input_size)
    inputs = torch.from_numpy(images)
    torch.set_float32_matmul_precision("highest")
    with torch.inference_mode():
        logits = module(inputs).numpy()
        try:
            logits_f64 = module.double()(inputs.double()).numpy()
        except RuntimeError:  # the network mixes tensors of its own in f32 with its input
            logits_f64 = None
    module.float()
    with cache.writing(_KIND, _key(network)) as folder:
        np.save(folder / "logits.npy", logits)
        if logits_f64 is not None:
            np.save(folder / "logits_f64.npy", logits_f64)


def read(network: Network, cache: Cache) -> Reference:
    """Read the reference from the cache."""
    folder = cache.entry(_KIND, _key(network))
    f64 = folder / "logits_f64.npy"
    return Reference(np.load(folder / "logits.npy"), np.load(f64) if f64.is_file() else None)


def _key(network: Network) -> str:
    facts = {"network": network.key, "torch": version("torch"), "images": parity.IMAGES}
    return digest({**facts, "format": FORMAT})
