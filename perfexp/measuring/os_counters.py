"""The operating system's counters while batches run: who else used the processor, and how much.

A reader returns None where the system does not count or the file cannot be read; the certificate says so.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

import psutil

from perfexp.environment import cpu_groups, usable_cpus

_PROC = Path("/proc")
_CPUS = Path("/sys/devices/system/cpu")
_TICK_S = 0.01
"""The machine's counters move in ticks, a process's do not: a difference of one tick means nothing."""
_BUSY = ("user", "nice", "system", "irq", "softirq")


@dataclass(frozen=True)
class Counters:
    """One reading. Seconds since boot, or since the process began; clock in MHz."""

    wall_s: float
    own_cpu_s: float
    busy_s: float
    steal_s: float | None
    stalled_s: float | None
    waited_s: float | None
    involuntary_switches: int | None
    page_faults: int | None
    throttled_s: float | None
    frequency_mhz: float | None


def read(proc: Path = _PROC, cpus: Path = _CPUS) -> Counters:
    """Read all counters now; takes about a millisecond."""
    machine = _usable_cpu_times()
    switches, faults = _usage()
    return Counters(
        wall_s=time.perf_counter(),
        own_cpu_s=time.process_time(),
        busy_s=sum(getattr(cpu, name, 0.0) for cpu in machine for name in _BUSY),
        steal_s=sum(cpu.steal for cpu in machine) if hasattr(machine[0], "steal") else None,
        stalled_s=_stalled_s(proc / "pressure" / "cpu"),
        waited_s=_waited_s(proc / "self" / "task"),
        involuntary_switches=switches,
        page_faults=faults,
        throttled_s=_throttled_s(_cgroup_cpu_stat()),
        frequency_mhz=_frequency_mhz(cpus),
    )


def between(before: Counters, after: Counters, threads: int) -> dict[str, float | None]:
    """Return the evidence between two readings, named as in :mod:`perfexp.metrics`.

    Shares are percent of wall time: of one CPU's for pressure and throttling, of all usable CPUs' for
    steal and other processes' time, of the session's ``threads`` for this process's time.
    Involuntary switches are per thread.
    """
    wall_s = max(after.wall_s - before.wall_s, 1e-9)
    cpus = len(usable_cpus())
    own_s = after.own_cpu_s - before.own_cpu_s
    others_s = max(0.0, after.busy_s - before.busy_s - own_s - cpus * _TICK_S)
    return {
        "cpu_pressure": _share(before.stalled_s, after.stalled_s, wall_s),
        "cpu_steal": _share(before.steal_s, after.steal_s, wall_s * cpus),
        "cpu_others": 100 * others_s / (wall_s * cpus),
        "cpu_wait": _share(before.waited_s, after.waited_s, wall_s * threads),
        "cpu_throttled": _share(before.throttled_s, after.throttled_s, wall_s),
        "cpu_own": 100 * own_s / (wall_s * threads),
        "involuntary_switches_per_s": _rate(
            before.involuntary_switches, after.involuntary_switches, wall_s * threads
        ),
        "page_faults_per_s": _rate(before.page_faults, after.page_faults, wall_s),
        "frequency_change": _change(before.frequency_mhz, after.frequency_mhz),
    }


def drift_percent(samples_ms: Sequence[float]) -> float | None:
    """Return the change of the median from the first half of the samples to the second; None below eight."""
    half = len(samples_ms) // 2
    if half < 4:
        return None
    return 100 * (median(samples_ms[-half:]) / median(samples_ms[:half]) - 1)


def _rate(before: float | None, after: float | None, over_s: float) -> float | None:
    if before is None or after is None:
        return None
    return max(0.0, after - before) / over_s


def _share(before: float | None, after: float | None, of_s: float) -> float | None:
    rate = _rate(before, after, of_s)
    return None if rate is None else 100 * rate


def _change(before: float | None, after: float | None) -> float | None:
    if not before or after is None:
        return None
    return 100 * (after / before - 1)


def _usable_cpu_times() -> "list[psutil._ntuples.scputimes]":
    times = psutil.cpu_times(percpu=True)
    chosen = [times[cpu] for cpu in usable_cpus() if cpu < len(times)]
    return chosen or times


def _usage() -> tuple[int | None, int | None]:
    """Return this process's involuntary context switches and minor page faults (POSIX)."""
    try:
        import resource
    except ImportError:
        return None, None
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nivcsw, usage.ru_minflt


def _stalled_s(path: Path) -> float | None:
    """Return the time in which some task waited for a CPU (pressure stall information, Linux 4.20)."""
    try:
        some = path.read_text().split("\n", 1)[0]
        return int(some.rpartition("total=")[2]) / 1e6
    except (OSError, ValueError):
        return None


def _waited_s(tasks: Path) -> float | None:
    """Return the time this process's threads waited in a run queue (second field of ``schedstat``)."""
    waited_ns = 0
    try:
        for task in tasks.iterdir():
            waited_ns += int((task / "schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return waited_ns / 1e9


def _throttled_s(path: Path | None) -> float | None:
    """Return the time the process's control group was stopped at its quota, from its ``cpu.stat``."""
    if path is None:
        return None
    try:
        stat = dict(line.split() for line in path.read_text().splitlines())
        if "throttled_usec" in stat:
            return int(stat["throttled_usec"]) / 1e6
        return int(stat["throttled_time"]) / 1e9 if "throttled_time" in stat else None
    except (OSError, ValueError):
        return None


@cache
def _cgroup_cpu_stat() -> Path | None:
    """Return ``cpu.stat`` of this process's control group."""
    paths = (folder / "cpu.stat" for folder in cpu_groups())
    return next((path for path in paths if path.is_file()), None)


def _frequency_mhz(cpus: Path) -> float | None:
    """Return the mean clock of all CPUs where the kernel scales it; a constant elsewhere means nothing."""
    try:
        clocks_khz = [int(path.read_text()) for path in cpus.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
    except (OSError, ValueError):  # the file of a CPU that is offline, or holds "<unknown>"
        return None
    return sum(clocks_khz) / len(clocks_khz) / 1e3 if clocks_khz else None
