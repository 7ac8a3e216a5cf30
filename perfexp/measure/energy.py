"""Joules: the processor's package counters (RAPL) or an NVIDIA device's (NVML).

RAPL needs no library: the kernel exposes it as files, and their wrappers (pyRAPL, pyJoules) have had no
release for years. NVML is read through NVIDIA's ``nvidia-ml-py``. Both count the whole device, with
all its users.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

_POWERCAP = Path("/sys/class/powercap")


class Meter(ABC):
    """Counts energy from its creation on."""

    @abstractmethod
    def joules(self) -> float:
        """Return the energy since the meter was created."""


@dataclass(frozen=True)
class NoMeter:
    """The reason why there is no meter."""

    reason: str


class Rapl(Meter):
    """All processor packages; a counter overflow is accounted for."""

    def __init__(self, packages: list[Path]) -> None:
        self._packages = packages
        self._ranges_uj = [_number(package / "max_energy_range_uj") for package in packages]
        self._before_uj = self._read_uj()

    def joules(self) -> float:  # noqa: D102 - see Meter
        pairs = zip(self._read_uj(), self._before_uj, self._ranges_uj, strict=True)
        return sum((after - before) % (span + 1) for after, before, span in pairs) / 1e6

    def _read_uj(self) -> list[int]:
        return [_number(package / "energy_uj") for package in self._packages]


class Nvml(Meter):
    """One NVIDIA device."""

    def __init__(self, uuid: str) -> None:
        import pynvml

        pynvml.nvmlInit()
        self._total_mj = pynvml.nvmlDeviceGetTotalEnergyConsumption
        self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        self._before_mj = self._total_mj(self._handle)

    def joules(self) -> float:  # noqa: D102 - see Meter
        return float(self._total_mj(self._handle) - self._before_mj) / 1e3


def start(gpu_uuid: str | None, powercap: Path = _POWERCAP) -> Meter | NoMeter:
    """Return a meter of the device that infers: the given NVIDIA device, else the processor."""
    return _start_rapl(powercap) if gpu_uuid is None else _start_nvml(gpu_uuid)


def _start_rapl(powercap: Path) -> Meter | NoMeter:
    packages = sorted(p for p in powercap.glob("intel-rapl:*") if p.name.count(":") == 1)
    if not packages:
        return NoMeter(f"this machine offers no energy counter below {powercap}")
    try:
        return Rapl(packages)
    except OSError as error:
        return NoMeter(f"the energy counter cannot be read ({error.strerror}); its files are root's")


def _start_nvml(uuid: str) -> Meter | NoMeter:
    import pynvml

    try:
        return Nvml(uuid)
    except pynvml.NVMLError as error:
        return NoMeter(f"NVML counts no energy for this device ({error})")


def _number(path: Path) -> int:
    return int(path.read_text())
