"""What a number depends on besides its configuration: host, processor, versions, settings."""

import os
import platform
import socket
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

ABSENT = "absent"
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
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


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
    found = {package: version(package) for package in _PACKAGES}
    installed = {package: number for package, number in found.items() if number != ABSENT}
    return {"python": platform.python_version(), **installed}


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
    facts.update({f"env.{k}": v for k, v in settings().items()})
    facts["node"] = node()
    facts["load_average_1min"] = str(os.getloadavg()[0])
    commit = git_commit()
    if commit:
        facts["git_commit"] = commit
    return facts
