"""Resident memory of this process, and its peak, as the operating system counts them."""

import ctypes
import gc
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def settle() -> None:
    """Give freed memory back to the system, where the C library can (glibc)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def resident_mb() -> float:
    """Resident set of this process now, in MB."""
    return float(psutil.Process().memory_info().rss) / 1e6


def reset_peak() -> str | None:
    """Forget the peak resident set; returns the reason where the system does not allow it."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError as error:
        return f"the peak resident set cannot be reset here ({error.strerror})"
    return None


def peak_mb() -> float:
    """Highest resident set since ``reset_peak``, in MB (VmHWM of Linux)."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"{_STATUS} has no VmHWM line")
