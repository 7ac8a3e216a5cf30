from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.measuring.parity import IMAGES
from perfexp.models.images import random_batches
from perfexp.models.network import describe
from perfexp.worker import reference


def test_the_logits_are_eagers_and_are_kept(make_cell: Callable[..., Cell]) -> None:
    cell = make_cell("torch")
    cache = Cache(Path(cell.cache_dir))
    network = describe(cell, cache)
    assert not reference.is_written(network, cache)
    module = network.build()
    reference.write(network, module, cache)
    assert reference.is_written(network, cache)
    [images] = random_batches(cell.seed, 1, IMAGES, 64)
    with torch.inference_mode():
        expected = module(torch.from_numpy(images)).numpy()
    found = reference.read(network, cache)
    assert np.array_equal(found.logits, expected)
    assert found.logits_f64 is not None and 0 < found.rounding_error < 1e-4
    assert all(parameter.dtype == torch.float32 for parameter in module.parameters())
    assert not reference.is_written(describe(replace(cell, seed=1), cache), cache)
    assert reference.is_written(describe(replace(cell, batch_size=8), cache), cache)


def test_a_network_that_fixes_f32_has_no_f64_logits(make_cell: Callable[..., Cell]) -> None:
    class Fixed(torch.nn.Linear):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images.float().mean(dim=(2, 3)))

    cell = make_cell("torch")
    cache = Cache(Path(cell.cache_dir))
    network = describe(cell, cache)
    reference.write(network, Fixed(3, 5).requires_grad_(False), cache)
    found = reference.read(network, cache)
    assert found.logits.shape == (4, 5)
    assert found.logits_f64 is None and found.rounding_error == 0.0
