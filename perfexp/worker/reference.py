"""PyTorch eager's f32 logits of a network's first images: computed once, kept in the cache."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perfexp.cache import Cache, digest
from perfexp.environment import version
from perfexp.measure.parity import IMAGES
from perfexp.models.images import random_batches
from perfexp.models.network import CellNetwork

if TYPE_CHECKING:
    from torch import nn

_KIND = "reference"


def is_written(network: CellNetwork, cache: Cache) -> bool:
    """Whether ``read`` will find it."""
    return cache.has(_KIND, _key(network))


def write(network: CellNetwork, module: "nn.Module", cache: Cache) -> None:
    """Infer the first images of the cell's stream with ``module`` on the CPU, and keep the logits.

    Raises:
        CacheError: the cache cannot be written.
    """
    import torch

    [images] = random_batches(network.cell.seed, 1, IMAGES, network.input_size)
    torch.set_float32_matmul_precision("highest")
    with torch.inference_mode():
        logits = module(torch.from_numpy(images)).numpy()
    with cache.writing(_KIND, _key(network)) as folder:
        np.save(folder / "logits.npy", logits)


def read(network: CellNetwork, cache: Cache) -> NDArray[np.float32]:
    """The logits, shape ``(images, classes)``."""
    logits: NDArray[np.float32] = np.load(cache.entry(_KIND, _key(network)) / "logits.npy")
    return logits


def _key(network: CellNetwork) -> str:
    return digest({"network": network.key, "torch": version("torch"), "images": IMAGES})
