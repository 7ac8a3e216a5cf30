"""Logits of PyTorch in f32 on the same images: inferred once for each data set, then cached."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

import numpy as np

from perfexp.backends.torch import TorchConfig
from perfexp.cache import Cache, digest
from perfexp.config.schema import Cell
from perfexp.evaluation.inference import Inference
from perfexp.evaluation.scores import Logits
from perfexp.models.base import Images

_KIND = "reference-logits"


def cell_of(cell: Cell) -> Cell:
    """Return the cell with the same network on PyTorch, eager, on the CPU, in f32."""
    return replace(cell, backend=TorchConfig(threads=cell.backend.threads))


class Reference:
    """Reference logits, stored below ``cache`` under a key of network, data set and preprocessing.

    The process that infers them starts when it is needed and ends with ``open_until``.
    """

    def __init__(self, cell: Cell, cache: Cache, facts: dict[str, object], open_until: ExitStack) -> None:
        self._cell = cell_of(cell)
        self._cache = cache
        self._facts = facts
        self._inference: Inference | None = None
        self._open_until = open_until

    def store(self, logits: Logits, indices: Sequence[int]) -> None:
        """Store logits that were inferred as the reference is, for comparison with other backends.

        Raises:
            CacheError: the cache cannot be written.
        """
        self._stored(indices, lambda: logits)

    def logits(self, images: Images, indices: Sequence[int]) -> Logits:
        """Return the logits of these images, which are the data set's ``indices``.

        Raises:
            InferenceError: the process failed, or ended.
            CacheError: the cache cannot be written.
        """
        return self._stored(indices, lambda: self._infer(images))

    def _stored(self, indices: Sequence[int], infer: Callable[[], Logits]) -> Logits:
        key = digest({**self._facts, "indices": list(indices)})
        if not self._cache.has(_KIND, key):
            with self._cache.writing(_KIND, key) as folder:
                np.save(folder / "logits.npy", infer())
        stored: Logits = np.load(self._cache.entry(_KIND, key) / "logits.npy", allow_pickle=False)
        return stored

    def _infer(self, images: Images) -> Logits:
        if self._inference is None:
            self._inference = self._open_until.enter_context(closing(Inference(self._cell)))
        return self._inference.logits(images)
