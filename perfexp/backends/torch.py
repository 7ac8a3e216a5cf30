"""PyTorch eager on cpu, cuda or mps."""

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from perfexp.backends.base import Backend, DeviceMemory, Session
from perfexp.cache import Cache
from perfexp.config.schema import BackendConfig
from perfexp.errors import BackendError
from perfexp.models.base import Images
from perfexp.models.network import Network
from perfexp.phases import Phases

if TYPE_CHECKING:
    import torch
    from torch import nn

_DTYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


class Heap(StrEnum):
    """What the C library does with the freed host memory of activations.

    ``default`` leaves it to the library, which returns large blocks to the system or not, depending on
    the heap's layout: where it does, each batch causes tens of thousands of page faults. ``kept`` makes
    glibc keep them for the next batch, as jemalloc and tcmalloc do; where another C library
    is used, the run says ``default``.
    """

    default = "default"
    kept = "kept"


@dataclass
class TorchConfig(BackendConfig):
    """``device`` is cpu, cuda, cuda:N or mps."""

    name: str = "torch"
    heap: Heap = Heap.kept


class TorchSession(Session):
    """Forward passes in inference mode over tensors that are already on the device."""

    timed_region: ClassVar[str] = "forward on inputs already on the device, then a device synchronisation"

    def __init__(self, network: "nn.Module", device: "torch.device", heap: Heap) -> None:
        import torch

        self._heap = heap
        self._network = network
        self._device = device
        self._parameter = next(network.parameters())
        self._inputs: list[torch.Tensor] = []
        self._outputs: list[torch.Tensor] = []
        self._nothing = torch.empty(0)
        self._inference_mode = torch.inference_mode
        accelerated = device.type != "cpu"
        self._synchronize = getattr(torch, device.type).synchronize if accelerated else lambda: None

    def bind(self, inputs: Sequence[Images]) -> None:
        import torch

        self._inputs = [torch.from_numpy(batch).to(self._device, self._parameter.dtype) for batch in inputs]
        self._outputs = [self._nothing] * len(inputs)

    def infer(self, index: int) -> None:
        # a kept output would change where the heap places the activations
        self._outputs[index] = self._nothing
        with self._inference_mode():
            self._outputs[index] = self._network(self._inputs[index])
        self._synchronize()

    def output(self, index: int) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._outputs[index].float().cpu().numpy()
        return logits

    def effective(self) -> dict[str, str]:
        import torch

        short = {f"torch.{name}": precision for precision, name in _DTYPES.items()}
        return {
            "device": str(self._parameter.device),
            "precision": short[str(self._parameter.dtype)],
            "threads": str(torch.get_num_threads()),
            "interop_threads": str(torch.get_num_interop_threads()),
            "training": str(any(module.training for module in self._network.modules())),
            "heap": self._heap.value,
            "gradients": str(any(p.requires_grad for p in self._network.parameters())),
            "input_shape": str(list(self._inputs[0].shape)),
        }

    def model_bytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in self._network.state_dict().values())

    def weight_bytes(self) -> int:
        return self.model_bytes()

    def device_memory(self) -> DeviceMemory | None:
        import torch

        if self._device.type != "cuda":
            return None
        total = torch.cuda.get_device_properties(self._device).total_memory
        return DeviceMemory(
            allocated_mb=torch.cuda.memory_allocated(self._device) / 1e6,
            peak_mb=torch.cuda.max_memory_allocated(self._device) / 1e6,
            share=100 * torch.cuda.max_memory_reserved(self._device) / total,
        )

    def reset_device_peak(self) -> None:
        import torch

        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)

    def gpu_uuid(self) -> str | None:
        import torch

        if self._device.type != "cuda" or torch.version.cuda is None:
            return None
        return f"GPU-{torch.cuda.get_device_properties(self._device).uuid}"

    def close(self) -> None:
        self._inputs, self._outputs = [], []


class TorchBackend(Backend):
    """The reference every other backend is compared with."""

    Config = TorchConfig
    config: TorchConfig
    packages = ("torch",)
    _heap = Heap.default

    def start(self) -> None:
        import torch

        self._heap = Heap(self.config.heap)
        if self._heap == Heap.kept and not _keep_freed_memory():
            self._heap = Heap.default
        if self.config.precision.value not in _DTYPES:
            raise BackendError(
                f"PyTorch eager computes in {', '.join(_DTYPES)}, but got "
                f"backend.precision={self.config.precision.value}; choose one of them, or backend=openvino."
            )
        available = _devices()
        if self.config.device not in available:
            raise BackendError(
                f"PyTorch has no device {self.config.device!r} here: it has {', '.join(available)}; "
                "set backend.device to one of them."
            )
        torch.set_num_threads(self.threads())
        if torch.get_num_interop_threads() != 1:
            torch.set_num_interop_threads(1)
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False

    def physical_device(self) -> str:
        kind, _, number = self.config.device.partition(":")
        if kind != "cuda":
            return kind
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        index = int(number or 0)
        return f"cuda-{visible[index] if index < len(visible) and visible[index] else index}"

    def load(self, network: Network, batch_size: int, cache: Cache, phases: Phases) -> Session:
        import torch

        with phases.timed("build"):
            module = network.build()
        with phases.timed("load"):
            device = torch.device(self.config.device)
            module = module.to(device, getattr(torch, _DTYPES[self.config.precision.value]))
            return TorchSession(module, device, self._heap)


def _keep_freed_memory() -> bool:
    """Make glibc neither map large blocks separately nor trim its heap, mallopt(3); False without glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, -1))


def _devices() -> list[str]:
    import torch

    found = ["cpu"]
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


BACKEND = TorchBackend
