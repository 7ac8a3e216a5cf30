"""Joules: the processor's package counters (RAPL) or an NVIDIA device's (NVML).

The kernel exposes RAPL as files; NVML is read through NVIDIA's ``nvidia-ml-py``. Both count the whole
device, with all its users.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_POWERCAP = Path("/sys/class/powercap")


Meter = Callable[[], float]
"""Returns the joules since it was started."""


@dataclass(frozen=True)
class NoMeter:
    """The reason why there is no meter."""

    reason: str


def start(gpu_uuid: str | None, powercap: Path = _POWERCAP) -> Meter | NoMeter:
    """Return a meter of the device that infers: the given NVIDIA device, else the processor."""
    return _start_rapl(powercap) if gpu_uuid is None else _start_nvml(gpu_uuid)


def _start_rapl(powercap: Path) -> Meter | NoMeter:
    """Count all processor packages; a counter that overflows continues from zero."""
    packages = sorted(p for p in powercap.glob("intel-rapl:*") if p.name.count(":") == 1)
    if not packages:
        return NoMeter(f"this machine offers no energy counter below {powercap}")

    def read_uj(name: str) -> list[int]:
        return [int((package / name).read_text()) for package in packages]

    try:
        spans_uj, before_uj = read_uj("max_energy_range_uj"), read_uj("energy_uj")
    except OSError as error:
        return NoMeter(f"the energy counter cannot be read ({error.strerror}); its files are root's")

    def joules() -> float:
        readings = zip(read_uj("energy_uj"), before_uj, spans_uj, strict=True)
        return sum((after - before) % (span + 1) for after, before, span in readings) / 1e6

    return joules


def _start_nvml(uuid: str) -> Meter | NoMeter:
    import pynvml

    try:
        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        before_mj = pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
    except pynvml.NVMLError as error:
        return NoMeter(f"NVML counts no energy for this device ({error})")
    return lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(device) - before_mj) / 1e3
