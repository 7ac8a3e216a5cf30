"""The contract every backend keeps: start, prepare, load, infer, close.

A module in this package defines one Backend and names it ``BACKEND``. Heavy imports belong into
the methods: the module itself is imported by the command line for its configuration.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from perfexp.cache import Cache
from perfexp.config.schema import BackendConfig
from perfexp.environment import version
from perfexp.errors import BackendError
from perfexp.models.base import Images, Network
from perfexp.phases import Phases


@dataclass(frozen=True)
class DeviceMemory:
    """An accelerator's memory in MB, as its allocator counts it, and this process's share in percent."""

    allocated_mb: float
    peak_mb: float
    share: float


class Session(ABC):
    """A loaded model at one batch size."""

    timed_region: ClassVar[str]
    """Which copies and which synchronisation a timed ``infer`` contains."""

    @abstractmethod
    def bind(self, inputs: Sequence[Images]) -> None:
        """Place input batches, each of shape ``(batch, 3, height, width)``, where infer reads."""

    @abstractmethod
    def infer(self, index: int) -> None:
        """Run the bound batch ``index``; return when its result is complete."""

    @abstractmethod
    def output(self, index: int) -> NDArray[np.float32]:
        """Logits of the latest ``infer(index)``, shape ``(batch, classes)``."""

    @abstractmethod
    def effective(self) -> dict[str, str]:
        """What is really in use, as the runtime reports it once inputs are bound.

        ``precision``, ``device`` and ``input_shape`` always; ``threads``, ``training`` and
        ``gradients`` where the runtime has them. :mod:`perfexp.worker.checks` checks them.
        """

    @abstractmethod
    def model_bytes(self) -> int | None:
        """Bytes of the model as this backend stores it, None where there are none."""

    def weight_bytes(self) -> int | None:
        """Bytes of weights and buffers in memory, None where the runtime does not tell."""
        return None

    def device_memory(self) -> DeviceMemory | None:
        """What this process holds on an accelerator, None where the model is in host memory."""
        return None

    def reset_device_peak(self) -> None:  # noqa: B027 - optional to override
        """Forget the accelerator's peak so far."""

    def gpu_uuid(self) -> str | None:
        """The NVIDIA device that infers, as its driver names it; None on any other."""
        return None

    def close(self) -> None:  # noqa: B027 - optional to override
        """Release what the session holds."""


class Backend(ABC):
    """A runtime that can infer with a network."""

    Config: ClassVar[type[BackendConfig]] = BackendConfig
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version decides the latency."""
    computes: ClassVar[bool] = True
    """Whether outputs are the network's, to be compared with PyTorch's."""

    def __init__(self, config: BackendConfig) -> None:
        self.config = config

    def versions(self) -> dict[str, str]:
        """Versions of the distributions that decide the latency."""
        return {package: version(package) for package in self.packages}

    @abstractmethod
    def start(self) -> None:
        """Import the runtime and apply process-wide settings, before memory is first read.

        Raises:
            BackendError: the runtime, the device or a setting is not to be had.
        """

    def is_prepared(self, network: Network, cache: Cache) -> bool:
        """Whether ``load`` finds everything it needs in the cache."""
        return True

    def prepare(self, network: Network, cache: Cache, phases: Phases) -> None:  # noqa: B027
        """Convert once what ``load`` will read; runs in a process of its own."""

    @abstractmethod
    def load(self, network: Network, batch_size: int, cache: Cache, phases: Phases) -> Session:
        """Make ``network`` ready to infer batches of exactly ``batch_size``."""

    def physical_device(self) -> str:
        """What two measurements must not share at a time, as a file's name."""
        return self.config.device.lower().replace(":", "-")

    def threads(self) -> int:
        """The thread count to set.

        Raises:
            BackendError: more threads were asked for than CPUs may be used.
        """
        usable = usable_cpus()
        asked = self.config.threads
        if asked is not None and asked > usable:
            raise BackendError(
                f"backend.threads={asked} asks for more threads than the {usable} CPUs this process "
                f"may run on, which slows inference many times over; ask for {usable} or fewer."
            )
        return asked or usable


def usable_cpus() -> int:
    """CPUs in this process's affinity mask, or all where the platform has no masks."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
