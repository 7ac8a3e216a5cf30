"""The contract of every backend: start, prepare, load, infer, close.

A module in this package defines one Backend and names it ``BACKEND``. Heavy imports belong in
the methods: the command line imports the module for its configuration.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from perfexp.cache import Cache
from perfexp.config.schema import BackendConfig
from perfexp.environment import physical_cores, usable_cpus, version
from perfexp.errors import BackendError
from perfexp.models.base import Images
from perfexp.models.network import Network
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
    """The copies and the synchronisation that a timed ``infer`` contains."""

    @abstractmethod
    def bind(self, inputs: Sequence[Images]) -> None:
        """Place input batches, each of shape ``(batch, 3, height, width)``, where ``infer`` reads them."""

    @abstractmethod
    def infer(self, index: int) -> None:
        """Run the bound batch ``index``; return when its result is complete."""

    @abstractmethod
    def output(self, index: int) -> NDArray[np.float32]:
        """Return the logits of the latest ``infer(index)``, shape ``(batch, classes)``."""

    @abstractmethod
    def effective(self) -> dict[str, str]:
        """Return the settings in use, as the runtime reports them once inputs are bound.

        ``precision``, ``device`` and ``input_shape`` always; ``threads``, ``training`` and
        ``gradients`` where the runtime has them. :mod:`perfexp.worker.checks` checks them.
        """

    @abstractmethod
    def model_bytes(self) -> int | None:
        """Return the bytes of the model as this backend stores it, None where it stores none."""

    def weight_bytes(self) -> int | None:
        """Return the bytes of weights and buffers in memory, None where the runtime does not report them."""
        return None

    def device_memory(self) -> DeviceMemory | None:
        """Return this process's memory on an accelerator, None where the model is in host memory."""
        return None

    def reset_device_peak(self) -> None:  # noqa: B027 - optional to override
        """Reset the accelerator's peak."""

    def gpu_uuid(self) -> str | None:
        """Return the driver's name of the NVIDIA device that infers; None on any other."""
        return None

    def close(self) -> None:  # noqa: B027 - optional to override
        """Release the session's resources."""


class Backend(ABC):
    """A runtime that can infer with a network."""

    Config: ClassVar[type[BackendConfig]] = BackendConfig
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version decides the latency."""
    computes: ClassVar[bool] = True
    """Whether outputs are the network's, so that they can be compared with PyTorch's."""

    def __init__(self, config: BackendConfig) -> None:
        self.config = config

    def versions(self) -> dict[str, str]:
        """Return the versions of the distributions that decide the latency."""
        return {package: version(package) for package in self.packages}

    @abstractmethod
    def start(self) -> None:
        """Import the runtime and apply process-wide settings, before memory is first read.

        Raises:
            BackendError: the runtime, the device or a setting is not available.
        """

    def is_prepared(self, network: Network, cache: Cache) -> bool:
        """Return whether everything that ``load`` needs is in the cache."""
        return True

    def prepare(self, network: Network, cache: Cache, phases: Phases) -> None:  # noqa: B027
        """Convert once what ``load`` reads; runs in a process apart from measurements."""

    @abstractmethod
    def load(self, network: Network, batch_size: int, cache: Cache, phases: Phases) -> Session:
        """Return ``network`` ready to infer batches of exactly ``batch_size``."""

    def physical_device(self) -> str:
        """Return the name, usable as a file's, of what two measurements must not share at a time."""
        return self.config.device.lower().replace(":", "-")

    def threads(self) -> int:
        """Return the thread count to set.

        Raises:
            BackendError: more threads are requested than CPUs may be used.
        """
        usable = len(usable_cpus())
        requested = self.config.threads
        if requested is not None and requested > usable:
            raise BackendError(
                f"backend.threads={requested} requests more threads than the {usable} CPUs this process "
                f"may run on, which slows inference many times over; request {usable} or fewer."
            )
        return requested or physical_cores()
