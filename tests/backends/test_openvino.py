import gc
import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perfexp.backends import _int8
from perfexp.backends.openvino import OpenVinoBackend, OpenVinoConfig
from perfexp.cache import Cache
from perfexp.config.schema import Cell, Precision
from perfexp.errors import BackendError
from perfexp.measuring.parity import TOLERANCE, compare
from perfexp.models.images import random_batches
from perfexp.models.network import describe
from perfexp.phases import Phases


def test_the_conversion_sends_no_statistics() -> None:
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"


def test_the_models_size_is_that_of_its_files_alone(make_cell: Callable[..., Cell]) -> None:
    cell = make_cell("openvino")
    cache, backend = Cache(Path(cell.cache_dir)), OpenVinoBackend(OpenVinoConfig())
    network = describe(cell, cache)
    backend.prepare(network, cache, Phases())
    session = backend.load(network, 1, cache, Phases())
    files = [path for path in cache.root.rglob("model.*") if path.suffix in (".xml", ".bin")]
    assert len(files) == 2
    assert session.model_bytes() == sum(path.stat().st_size for path in files)
    session.close()


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


def test_int8_is_read_back_from_the_layers_and_near_its_f32(make_cell: Callable[..., Cell]) -> None:
    cell = make_cell("openvino", precision=Precision.int8)
    cache = Cache(Path(cell.cache_dir))
    network = describe(cell, cache)
    sessions = {}
    for precision in (Precision.int8, Precision.f32):
        backend = OpenVinoBackend(OpenVinoConfig(precision=precision))
        assert backend.is_prepared(network, cache) == (precision == Precision.f32)  # converted on the way
        if not backend.is_prepared(network, cache):
            backend.prepare(network, cache, Phases())
        sessions[precision] = backend.load(network, 3, cache, Phases())
    [inputs] = random_batches(0, 1, 3, 64)
    outputs = {}
    for precision, session in sessions.items():
        session.bind([inputs])
        session.infer(0)
        outputs[precision] = session.output(0)
        assert session.effective()["precision"] == precision.value
    effective = sessions[Precision.int8].effective()
    eight_bit, _, layers = effective["int8_layers"].split()
    assert 26 / 2 < int(eight_bit) <= int(layers) == 26
    assert effective["calibration"] == "64 random inputs of seed 0, which are no photos"
    assert effective["quantiser"].startswith("nncf 3.")
    assert "int8_layers" not in sessions[Precision.f32].effective()
    found = compare(outputs[Precision.int8], outputs[Precision.f32])
    assert 1e-3 < found.max_error < TOLERANCE[Precision.int8] / 2  # how near depends on the processor
    assert found.cosine > 0.9
    assert sessions[Precision.int8].model_bytes() < 0.3 * sessions[Precision.f32].model_bytes()


def test_int8_without_its_extra_says_what_installs_it(
    make_cell: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(BackendError, match=r"nncf, which is not installed; .* pip install -e '.\[int8\]'"):
        _int8.quantised(None, [])


@pytest.mark.parametrize("device", ["AUTO", "AUTO:CPU", "MULTI:CPU", "HETERO:CPU", "BATCH:CPU"])
def test_a_device_that_chooses_others_is_refused_before_a_model_is_loaded(device: str) -> None:
    with pytest.raises(BackendError, match=f"device={device} leaves it to OpenVINO .* lists here: .*CPU"):
        OpenVinoBackend(OpenVinoConfig(device=device)).start()


def test_no_report_of_its_use_is_sent(tmp_path: Path) -> None:
    """Importing it makes an identifier below the home directory and sends an event, unless told otherwise."""
    code = (
        "import perfexp.backends.openvino, openvino\n"
        "from openvino.tools.ovc import telemetry, telemetry_utils\n"
        "print(telemetry_utils.tm.__name__, type(telemetry).__module__)"
    )
    home = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=home, capture_output=True, text=True)
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub"] * 2, done.stderr
    assert not (tmp_path / "intel").exists()
