"""OpenVINO on any device its runtime lists."""

import functools
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from perfexp.backends import _int8
from perfexp.backends.base import Backend, Session
from perfexp.cache import Cache, digest
from perfexp.config.schema import BackendConfig, Precision
from perfexp.environment import version
from perfexp.errors import BackendError, first_line
from perfexp.models.base import Images
from perfexp.models.network import Network
from perfexp.phases import Phases

if TYPE_CHECKING:
    import openvino as ov

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
"""OpenVINO and NNCF report their use to their makers by this package, and not at all without it."""
_KIND, _QUANTISED = "openvino", "openvino-int8"
_CHOOSERS = ("AUTO", "MULTI", "HETERO", "BATCH")
"""Devices that spread requests over others or move them: no run could say which ones it measured."""


@functools.cache
def _core() -> "ov.Core":
    """Return the only runtime of this process, which is never released.

    Its CPU plugin sets an alternate signal stack for AMX. Where two runtimes overlap, their end leaves
    the thread with a stack that is no longer mapped, and the next signal is a SIGSEGV.
    """
    import openvino as ov

    return ov.Core()


@dataclass
class OpenVinoConfig(BackendConfig):
    """``device`` is any name that the runtime lists; the arithmetic is pinned, not left to the runtime.

    With ``precision`` int8 the layers that are not quantised stay in f32.
    """

    name: str = "openvino"
    device: str = "CPU"


class OpenVinoSession(Session):
    """Synchronous requests, one for each input batch, whose tensors are bound once."""

    timed_region: ClassVar[str] = (
        "synchronous infer of a request whose input tensor is bound once, no input copy"
    )

    def __init__(self, compiled: "ov.CompiledModel", stored_bytes: int, facts: Mapping[str, str]) -> None:
        self._compiled = compiled
        self._facts = facts
        self._stored_bytes = stored_bytes
        self._requests: list[ov.InferRequest] = []
        self._inputs: list[Images] = []

    def bind(self, inputs: Sequence[Images]) -> None:
        import openvino as ov

        self._requests = []
        self._inputs = list(inputs)  # a shared tensor does not keep its array alive
        for batch in self._inputs:
            request = self._compiled.create_infer_request()
            request.set_input_tensor(ov.Tensor(batch, shared_memory=True))
            self._requests.append(request)

    def infer(self, index: int) -> None:
        self._requests[index].infer()

    def output(self, index: int) -> NDArray[np.float32]:
        return np.array(self._requests[index].get_output_tensor(0).data, dtype=np.float32)

    def effective(self) -> dict[str, str]:
        supported = set(self._compiled.get_property("SUPPORTED_PROPERTIES"))
        names = {
            "precision": "INFERENCE_PRECISION_HINT",
            "threads": "INFERENCE_NUM_THREADS",
            "streams": "NUM_STREAMS",
            "device": "EXECUTION_DEVICES",
        }
        read = {k: self._compiled.get_property(p) for k, p in names.items() if p in supported}
        facts = {key: _plain(value) for key, value in read.items()}
        facts["input_shape"] = str(list(self._compiled.input(0).shape))
        eight_bit, layers = _int8.eight_bit_layers(self._compiled)
        if 2 * eight_bit > layers:
            facts["precision"] = Precision.int8.value
            facts["int8_layers"] = f"{eight_bit} of {layers}"
        return {**facts, **self._facts}

    def model_bytes(self) -> int:
        return self._stored_bytes

    def close(self) -> None:
        self._requests, self._inputs = [], []


class OpenVinoBackend(Backend):
    """Converts a network once, reshapes and compiles it for each batch size."""

    Config = OpenVinoConfig
    packages = ("openvino",)

    def start(self) -> None:
        device, listed = self.config.device, list(_core().available_devices)
        known = ", ".join(listed) or "none"
        if device.partition(":")[0] in _CHOOSERS:
            raise BackendError(
                f"backend.device={device} leaves it to OpenVINO which device infers, so that the run would "
                f"not say what was measured; name one that its runtime lists here: {known}."
            )
        if device not in listed:
            raise BackendError(
                f"OpenVINO has no device {device!r} here: its runtime lists {known}; set backend.device to "
                "one of them."
            )
        self.threads()

    def physical_device(self) -> str:
        kind, _, number = self.config.device.partition(".")
        return "cpu" if kind == "CPU" else f"{kind.lower()}-{number or 0}"

    def versions(self) -> dict[str, str]:
        if self.config.precision != Precision.int8:
            return super().versions()
        return {**super().versions(), _int8.PACKAGE: version(_int8.PACKAGE)}

    def is_prepared(self, network: Network, cache: Cache) -> bool:
        return self._entry(network, cache).is_dir()

    def prepare(self, network: Network, cache: Cache, phases: Phases) -> None:
        if not cache.has(_KIND, _key(network)):
            self._convert(network, cache, phases)
        if self.config.precision == Precision.int8:
            self._quantise(network, cache, phases)

    def _entry(self, network: Network, cache: Cache) -> Path:
        if self.config.precision == Precision.int8:
            return cache.entry(_QUANTISED, _quantised_key(network))
        return cache.entry(_KIND, _key(network))

    def _convert(self, network: Network, cache: Cache, phases: Phases) -> None:
        import openvino as ov
        import torch

        with phases.timed("build"):
            module = network.build()
        with cache.writing(_KIND, _key(network)) as folder, phases.timed("convert"):
            example = torch.zeros(1, 3, network.input_size, network.input_size)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
                warnings.filterwarnings("ignore", message="Converting a tensor to a Python")
                model = ov.convert_model(module, example_input=example)
            _save(model, folder / "model.xml")

    def _quantise(self, network: Network, cache: Cache, phases: Phases) -> None:
        model = _core().read_model(cache.entry(_KIND, _key(network)) / "model.xml")
        with cache.writing(_QUANTISED, _quantised_key(network)) as folder, phases.timed("quantise"):
            _save(_int8.quantised(model, network.calibration.images()), folder / "model.xml")

    def load(self, network: Network, batch_size: int, cache: Cache, phases: Phases) -> Session:
        folder = self._entry(network, cache)
        core = _core()
        with phases.timed("load"):
            model = core.read_model(folder / "model.xml")
            size = network.input_size
            model.reshape([batch_size, 3, size, size])
        with phases.timed("compile"):
            compiled = core.compile_model(model, self.config.device, self._properties(core))
        size_bytes = sum(file.stat().st_size for file in folder.glob("model.*"))  # not the entry's manifest
        return OpenVinoSession(compiled, size_bytes, self._facts(network))

    def _facts(self, network: Network) -> dict[str, str]:
        """Return what decided the numbers of a quantised model besides the runtime."""
        if self.config.precision != Precision.int8:
            return {}
        quantiser = f"{_int8.PACKAGE} {version(_int8.PACKAGE)}"
        return {"quantiser": quantiser, "calibration": network.calibration.origin}

    def _properties(self, core: "ov.Core") -> dict[str, str | int]:
        """Return the settings that this device supports; the effective ones are read back afterwards."""
        is_int8 = self.config.precision == Precision.int8
        settings: dict[str, str | int] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": Precision.f32.value if is_int8 else self.config.precision.value,
            "INFERENCE_NUM_THREADS": self.threads(),
            "NUM_STREAMS": 1,
        }
        supported = set(core.get_property(self.config.device, "SUPPORTED_PROPERTIES"))
        return {name: value for name, value in settings.items() if name in supported}


def _key(network: Network) -> str:
    return digest({"network": network.key, "openvino": version("openvino")})


def _quantised_key(network: Network) -> str:
    quantiser = version(_int8.PACKAGE)
    return digest({"f32": _key(network), "calibration": network.calibration.key, "quantiser": quantiser})


def _save(model: "ov.Model", path: Path) -> None:
    import openvino as ov

    try:
        ov.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(f"OpenVINO could not write {path.name}: {first_line(error)}") from error


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    to_string = getattr(value, "get_type_name", None)
    return str(to_string()) if to_string else str(value)


BACKEND = OpenVinoBackend
