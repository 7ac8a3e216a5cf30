"""A backend of known latency: it proves the harness, and the contract with other backends."""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from perfexp.backends.base import Backend, Session
from perfexp.cache import Cache
from perfexp.config.schema import BackendConfig
from perfexp.errors import BackendError
from perfexp.models.base import Images
from perfexp.models.network import Network
from perfexp.phases import Phases


class Fault(StrEnum):
    """Ways to break on purpose when the model is loaded."""

    none = "none"
    error = "raise"
    exit = "exit"
    kill = "kill"
    segfault = "segfault"
    out_of_memory = "out_of_memory"
    hang = "hang"


@dataclass
class FakeConfig(BackendConfig):
    """``latency_ms`` a batch plus ``latency_per_image_ms`` an image, busy or asleep."""

    name: str = "fake"
    latency_ms: float = 1.0
    latency_per_image_ms: float = 0.0
    busy: bool = True
    fault: Fault = Fault.none


def _raise() -> None:
    raise RuntimeError("fault=raise was asked for")


def _allocate_without_end() -> None:
    raise MemoryError("fault=out_of_memory was asked for")


_FAULTS: dict[Fault, Callable[[], object]] = {
    Fault.none: lambda: None,
    Fault.error: _raise,
    Fault.exit: lambda: os._exit(3),
    Fault.kill: lambda: os.kill(os.getpid(), signal.SIGKILL),
    Fault.segfault: lambda: ctypes.string_at(0),
    Fault.out_of_memory: _allocate_without_end,
    Fault.hang: lambda: time.sleep(3600),
}


class FakeSession(Session):
    """Waits; its logits are the mean of each image, in two classes."""

    timed_region: ClassVar[str] = "a wait of known length, no copy"

    def __init__(self, latency_ns: int, busy: bool) -> None:
        self._latency_ns = latency_ns
        self._busy = busy
        self._inputs: Sequence[Images] = ()

    def bind(self, inputs: Sequence[Images]) -> None:
        self._inputs = inputs

    def infer(self, index: int) -> None:
        if not self._busy:
            time.sleep(self._latency_ns / 1e9)
            return
        end = time.perf_counter_ns() + self._latency_ns
        while time.perf_counter_ns() < end:
            pass

    def output(self, index: int) -> NDArray[np.float32]:
        mean = self._inputs[index].mean(axis=(1, 2, 3))
        return np.stack([mean, -mean], axis=1).astype(np.float32)

    def effective(self) -> dict[str, str]:
        shape = str(list(self._inputs[0].shape))
        return {"device": "cpu", "precision": "f32", "threads": "1", "input_shape": shape}

    def model_bytes(self) -> None:
        return None


class FakeBackend(Backend):
    """Takes any network, builds none."""

    Config = FakeConfig
    config: FakeConfig
    computes = False

    def start(self) -> None:
        if self.config.latency_ms < 0 or self.config.latency_per_image_ms < 0:
            raise BackendError(
                f"backend.latency_ms={self.config.latency_ms} is not a time; give 0 or more milliseconds."
            )

    def threads(self) -> int:
        return 1

    def load(self, network: Network, batch_size: int, cache: Cache, phases: Phases) -> Session:
        _FAULTS[self.config.fault]()
        latency_ms = self.config.latency_ms + self.config.latency_per_image_ms * batch_size
        return FakeSession(round(latency_ms * 1e6), self.config.busy)


BACKEND = FakeBackend
