import gc
import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path

from perfexp.backends.openvino import OpenVinoBackend, OpenVinoConfig
from perfexp.cache import Cache
from perfexp.config import Cell, Precision
from perfexp.network import describe
from perfexp.phases import Phases


def test_one_conversion_serves_every_batch_size(make_cell: Callable[..., Cell]) -> None:
    cell = make_cell("openvino")
    cache = Cache(Path(cell.cache_dir))
    network = describe(cell, cache)
    backend = OpenVinoBackend(OpenVinoConfig())
    backend.prepare(network, cache, Phases())
    for batch_size in (1, 3, 8):
        phases = Phases()
        session = backend.load(network, batch_size, cache, phases)
        assert session.effective()["input_shape"] == f"[{batch_size}, 3, 64, 64]"
        assert phases.seconds.keys() == {"load", "compile"}


def test_asked_precision_is_what_the_runtime_reports(make_cell: Callable[..., Cell]) -> None:
    cell = make_cell("openvino")
    cache = Cache(Path(cell.cache_dir))
    network = describe(cell, cache)
    OpenVinoBackend(OpenVinoConfig()).prepare(network, cache, Phases())
    pinned = OpenVinoBackend(OpenVinoConfig(precision=Precision.f32)).load(network, 1, cache, Phases())
    assert pinned.effective()["precision"] == "f32"


def _hear_a_signal_after_two_models(cell: Cell) -> None:
    cache = Cache(Path(cell.cache_dir))
    network = describe(cell, cache)
    backend = OpenVinoBackend(OpenVinoConfig())
    backend.prepare(network, cache, Phases())
    sessions = [backend.load(network, batch_size, cache, Phases()) for batch_size in (1, 2)]
    while sessions:
        sessions.pop(0)
        gc.collect()
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.raise_signal(signal.SIGUSR1)


def test_a_signal_after_the_models_are_gone_is_survived(make_cell: Callable[..., Cell]) -> None:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_hear_a_signal_after_two_models, args=(make_cell("openvino"),))
    process.start()
    process.join()
    assert process.exitcode == 0
