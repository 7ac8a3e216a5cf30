"""What a number depends on besides its configuration: host, processor, versions, settings."""

import os
import platform
import socket
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import metadata
from math import floor
from pathlib import Path

ABSENT = "absent"
_CPUS = Path("/sys/devices/system/cpu")
_PACKAGES = ("perfexp", "torch", "torchvision", "timm", "openvino", "numpy", "mlflow", "hydra-core")
_SETTINGS = (
    "OMP_",
    "MKL_",
    "KMP_",
    "GOMP_",
    "OPENBLAS_",
    "CUDA_VISIBLE",
    "PYTORCH_",
    "TORCH_",
    "OV_",
    "MALLOC_",
)


@cache
def cpu_name() -> str:
    """Return the processor's name as the system prints it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def usable_cpus() -> set[int]:
    """Return the CPUs in this process's affinity mask, or all without such masks."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def physical_cores(cpus: Path = _CPUS, group: Path | None = None) -> int:
    """Return how many cores the usable CPUs belong to, within the control group's quota; at least one.

    Inference is fastest on one thread per core: CPUs that share a core share its arithmetic units.

    Args:
        cpus: the system's folder of CPUs.
        group: folder of the process's control group; found if None.
    """
    cores = {_core(cpus / f"cpu{cpu}" / "topology", cpu) for cpu in usable_cpus()}
    quota = _quota_cpus([group] if group else cpu_groups())
    return max(1, len(cores) if quota is None else min(len(cores), floor(quota)))


def _core(topology: Path, cpu: int) -> tuple[str, str]:
    try:
        names = ("physical_package_id", "core_id")
        package, core = ((topology / name).read_text().strip() for name in names)
    except OSError:  # not Linux, or not told
        return "", str(cpu)
    return package, core


def cpu_groups() -> list[Path]:
    """Return the folders that may limit or count this process's time: its control group's, then their root.

    Of version 2, and of version 1's cpu controller; none where the system has no control groups.
    """
    try:
        groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return []
    root = Path("/sys/fs/cgroup")
    roots = ((root / "cpu" if names else root, group) for _, names, group in groups if _counts_time(names))
    return [folder for place, group in roots for folder in (place / group.strip("/"), place)]


def _counts_time(controllers: str) -> bool:
    return not controllers or "cpu" in controllers.split(",")


def _quota_cpus(groups: Iterable[Path]) -> float | None:
    """Return how many CPUs' time the groups and those above them may use; None without a limit."""
    found = []
    for folder in {folder for group in groups for folder in (group, *group.parents)}:
        with suppress(OSError, ValueError):
            quota_us, period_us = (folder / "cpu.max").read_text().split()
            if quota_us != "max":
                found.append(int(quota_us) / int(period_us))
    return min(found, default=None)


def host() -> dict[str, str]:
    """Return the facts that identify this machine; part of a cell's key."""
    return {
        "host": socket.gethostname(),
        "cpu": cpu_name(),
        "cpus": str(os.cpu_count()),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
    }


def node() -> str:
    """Return the cluster's name of this node, or the host's name outside a cluster."""
    return os.environ.get("PERFEXP_NODE") or os.environ.get("SLURMD_NODENAME") or socket.gethostname()


@cache
def version(distribution: str) -> str:
    """Return the installed version of a distribution without importing it, or ``absent``."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ABSENT


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the relevant packages that are installed."""
    found = {"python": platform.python_version(), **{package: version(package) for package in _PACKAGES}}
    return {package: number for package, number in found.items() if number != ABSENT}


@cache
def git_commit() -> str | None:
    """Return the commit checked out in the current directory, None outside a repository."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def settings() -> dict[str, str]:
    """Return the environment variables that change the speed of numerical libraries."""
    return {k: v for k, v in os.environ.items() if k.startswith(_SETTINGS)}


def snapshot() -> dict[str, str]:
    """Return all of the above in one flat mapping, read now."""
    facts = {**host(), **{f"version.{k}": v for k, v in versions().items()}}
    facts |= {f"env.{k}": v for k, v in settings().items()}
    facts |= {"usable_cpus": str(len(usable_cpus())), "physical_cores": str(physical_cores())}
    facts |= {"node": node(), "load_average_1min": str(os.getloadavg()[0])}
    commit = git_commit()
    return facts | ({"git_commit": commit} if commit else {})
