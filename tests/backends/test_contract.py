"""What every backend must do, over all that are registered."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from perfexp import backends
from perfexp.cache import Cache
from perfexp.config.schema import BackendConfig, Cell
from perfexp.environment import usable_cpus
from perfexp.errors import BackendError
from perfexp.models.images import random_batches
from perfexp.models.network import describe
from perfexp.phases import Phases
from perfexp.plugins import BACKENDS
from perfexp.worker.checks import confirm_effective

MakeCell = Callable[..., Cell]
REAL = ["torch", "openvino"]


def loaded(cell: Cell, batch_size: int = 2):
    cache = Cache(Path(cell.cache_dir))
    network = describe(cell, cache)
    backend = backends.create(cell.backend)
    backend.start()
    if not backend.is_prepared(network, cache):
        backend.prepare(network, cache, Phases())
    assert backend.is_prepared(network, cache)
    return backend.load(network, batch_size, cache, Phases()), network


@pytest.mark.parametrize("name", BACKENDS.names())
def test_contract(name: str, make_cell: MakeCell) -> None:
    cell = make_cell(name, batch_size=2)
    session, _ = loaded(cell)
    inputs = random_batches(0, 2, 2, 64)
    session.bind(inputs)
    for index in range(len(inputs)):
        session.infer(index)
    outputs = [session.output(index) for index in range(len(inputs))]
    assert all(logits.shape[0] == 2 and logits.ndim == 2 for logits in outputs)
    assert not np.array_equal(outputs[0], outputs[1])
    session.infer(0)
    assert np.array_equal(session.output(0), outputs[0])
    effective = session.effective()
    assert effective["precision"] == "f32"
    assert int(effective["threads"]) >= 1
    assert effective["device"].lower() == "cpu"
    threads = backends.create(cell.backend).threads()
    confirm_effective(cell.backend, threads, (2, 3, 64, 64), effective)
    assert session.timed_region
    assert session.device_memory() is None
    assert session.gpu_uuid() is None
    session.close()


@pytest.mark.parametrize("name", BACKENDS.names())
def test_each_has_a_config_file_and_a_typed_config(name: str) -> None:
    from perfexp.config.catalog import conf_dir

    assert (conf_dir() / "backend" / f"{name}.yaml").is_file()
    config_class = BACKENDS.schema(name)
    assert issubclass(config_class, BackendConfig)
    assert config_class().name == name
    assert all(field.type is not object for field in fields(config_class))


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("model", ["squeezenet1_1", "shufflenet_v2_x0_5", "googlenet"])
def test_output_is_the_networks_own(name: str, model: str, make_cell: MakeCell) -> None:
    cell = make_cell(name, model=model)
    session, network = loaded(cell)
    inputs = random_batches(0, 2, 2, 64)
    session.bind(inputs)
    session.infer(1)
    with torch.inference_mode():
        expected = network.build()(torch.from_numpy(inputs[1])).numpy()
    scale = float(np.abs(expected).max())
    assert scale > 1e-3
    assert np.abs(session.output(1) - expected).max() / scale < 1e-4


@pytest.mark.parametrize("name", REAL)
def test_threads_are_set_and_read_back(name: str, make_cell: MakeCell) -> None:
    before = torch.get_num_threads()
    try:
        session, _ = loaded(make_cell(name, threads=1))
        session.bind(random_batches(0, 1, 2, 64))
        assert session.effective()["threads"] == "1"
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", REAL)
def test_more_threads_than_cpus_are_refused(name: str, make_cell: MakeCell) -> None:
    cell = make_cell(name, threads=len(usable_cpus()) + 1)
    with pytest.raises(BackendError, match=f"more threads than the {len(usable_cpus())} CPUs"):
        backends.create(cell.backend).start()


@pytest.mark.parametrize(("name", "device"), [("torch", "tpu"), ("openvino", "NPU9")])
def test_missing_device_lists_those_that_are(name: str, device: str, make_cell: MakeCell) -> None:
    cell = make_cell(name, device=device)
    with pytest.raises(BackendError, match=r"(?i)no device .* here: .*cpu"):
        backends.create(cell.backend).start()


@pytest.mark.parametrize("name", REAL)
def test_model_size_is_that_of_its_weights(name: str, make_cell: MakeCell) -> None:
    session, _ = loaded(make_cell(name))
    assert session.model_bytes() == pytest.approx(4 * 1_235_496, rel=0.03)


@pytest.mark.parametrize(
    ("name", "device", "visible", "expected"),
    [
        ("fake", "cpu", "", "cpu"),
        ("torch", "cpu", "", "cpu"),
        ("torch", "mps", "", "mps"),
        ("torch", "cuda", "", "cuda-0"),
        ("torch", "cuda:1", "", "cuda-1"),
        ("torch", "cuda:1", "4,7", "cuda-7"),
        ("openvino", "CPU", "", "cpu"),
        ("openvino", "GPU", "", "gpu-0"),
        ("openvino", "GPU.1", "", "gpu-1"),
    ],
)
def test_names_of_one_device_are_one_lock(
    name: str,
    device: str,
    visible: str,
    expected: str,
    make_cell: MakeCell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert backends.create(make_cell(name, device=device).backend).physical_device() == expected


def test_unknown_backend_names_the_nearest() -> None:
    with pytest.raises(BackendError, match="no backend named 'pytorch': the nearest are torch"):
        BACKENDS.find("pytorch")
