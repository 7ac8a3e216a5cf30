"""Joules: the processor's package counters (RAPL) or an NVIDIA device's (NVML).

The kernel exposes RAPL as files; NVML is read through NVIDIA's ``nvidia-ml-py``. Both count the whole
device, with all its users. Of RAPL's zones only the packages count: memory (``dram``) is not in, and
``psys``, the whole platform, contains the packages already.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

_POWERCAP = Path("/sys/class/powercap")
_IDLE_S = 0.5
"""Long enough for NVML's counter, which moves every tenth of a second."""

Meter = Callable[[], float]
"""Returns the joules since it was started."""


@dataclass(frozen=True)
class NoMeter:
    """The reason why there is no meter."""

    reason: str


@dataclass(frozen=True)
class Used:
    """Joules that the whole device used in so many seconds, and its power in W at rest before warm-up."""

    joules: float
    seconds: float
    idle_w: float

    @property
    def above_idle_j(self) -> float:
        """Joules beyond those that the device would have used at rest."""
        return self.joules - self.idle_w * self.seconds


class Counting:
    """Counts the energy of a device; its power at rest is measured first, for half a second.

    Make it before warm-up: a rest between warm-up and timing would cool the caches and the clocks.
    """

    def __init__(
        self,
        gpu_uuid: str | None,
        powercap: Path = _POWERCAP,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._start, self._clock, self._idle_w = partial(start, gpu_uuid, powercap), clock, 0.0
        self.begin()
        if not isinstance(self._meter, NoMeter):
            sleep(_IDLE_S)
            self._idle_w = self._meter() / (clock() - self._began)

    def begin(self) -> None:
        """Count from now on."""
        self._meter, self._began = self._start(), self._clock()

    def used(self) -> Used | NoMeter:
        """Return what was used since, or the reason why there is no meter."""
        if isinstance(self._meter, NoMeter):
            return self._meter
        return Used(self._meter(), self._clock() - self._began, self._idle_w)


def start(gpu_uuid: str | None, powercap: Path = _POWERCAP) -> Meter | NoMeter:
    """Return a meter of the device that infers: the given NVIDIA device, else the processor."""
    return _start_rapl(powercap) if gpu_uuid is None else _start_nvml(gpu_uuid)


def _start_rapl(powercap: Path) -> Meter | NoMeter:
    """Count all processor packages; a counter that overflows continues from zero."""
    zones = sorted(p for p in powercap.glob("intel-rapl:*") if p.name.count(":") == 1)
    packages = [zone for zone in zones if _zone_name(zone).startswith("package")]
    if not packages:
        return NoMeter(f"this machine offers no energy counter of a processor package below {powercap}")

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


def _zone_name(zone: Path) -> str:
    """Return ``package-0``, ``psys`` or the like; empty where the zone has no name that can be read."""
    try:
        return (zone / "name").read_text().strip()
    except OSError:
        return ""


def _start_nvml(uuid: str) -> Meter | NoMeter:
    import pynvml

    try:
        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        before_mj = pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
    except pynvml.NVMLError as error:
        return NoMeter(f"NVML counts no energy for this device ({error})")
    return lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(device) - before_mj) / 1e3
