"""The images a cell infers with: one seeded stream, cut into batches."""

from collections.abc import Sequence

import numpy as np

from perfexp.backends.base import Images


def random_batches(seed: int, batches: int, batch_size: int, input_size: int) -> Sequence[Images]:
    """Standard-normal noise, each batch of shape ``(batch_size, 3, input_size, input_size)``.

    The stream is the same however it is cut: the first images at batch size 1 are the first
    images at any other.
    """
    generator = np.random.default_rng(seed)
    shape = (batch_size, 3, input_size, input_size)
    return [generator.standard_normal(shape, dtype=np.float32) for _ in range(batches)]
