"""What only PyTorch has: the heap that its activations come from."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from perfexp.backends import torch
from perfexp.backends.torch import Heap, TorchBackend
from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.models.images import random_batches
from perfexp.models.network import describe
from perfexp.phases import Phases
from perfexp.records import Measurement
from perfexp.worker.run import run_cell


@pytest.mark.slow
def test_a_heap_that_is_kept_meets_no_page_faults(make_cell: Callable[..., Cell]) -> None:
    cell = make_cell("torch", model="mobilenet_v2", batch_size=8, input_size=224, heap=Heap.kept)
    kept = run_cell(cell)
    assert isinstance(kept, Measurement), kept
    assert kept.effective["heap"] == "kept"
    faults_a_batch = kept.metrics["page_faults_per_s"] * kept.metrics["latency_mean_ms"] / 1000
    assert faults_a_batch < 1000, "given back, they are 50 to 90 thousand"


def test_another_c_library_leaves_the_default_and_says_so(
    make_cell: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "ctypes", SimpleNamespace(CDLL=lambda _: object()))
    cell = make_cell("torch", heap=Heap.kept)
    cache = Cache(Path(cell.cache_dir))
    backend = TorchBackend(cell.backend)
    backend.start()
    network = describe(cell, cache)
    session = backend.load(network, 1, cache, Phases())
    session.bind(random_batches(0, 1, 1, network.input_size))
    assert session.effective()["heap"] == "default"
