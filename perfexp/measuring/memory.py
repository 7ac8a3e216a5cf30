"""Resident memory of this process, and its peak, as the operating system counts them."""

import ctypes
import gc
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def settle() -> None:
    """Return freed memory to the system, where the C library can (glibc)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def resident_mb() -> float:
    """Return the resident set of this process, in MB."""
    return float(psutil.Process().memory_info().rss) / 1e6


def reset_peak() -> str | None:
    """Reset the peak resident set; return the reason where the system does not allow it."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError as error:
        return f"the peak resident set cannot be reset here ({error.strerror})"
    return None


def peak_mb() -> float:
    """Return the highest resident set since ``reset_peak``, in MB (VmHWM of Linux)."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"{_STATUS} has no VmHWM line")


class Account:
    """The process's memory from before the model to after inference, in MB."""

    def __init__(self) -> None:
        settle()
        self._baseline = resident_mb()
        self._loaded = self._baseline
        self._no_peak: str | None = None

    def mark_loaded(self) -> None:
        """Read the memory with the model loaded, before its inputs are allocated."""
        settle()
        self._loaded = resident_mb()

    def start_peak(self) -> None:
        """Count the peak from here on."""
        self._no_peak = reset_peak()

    def metrics(self) -> tuple[dict[str, float], dict[str, str]]:
        """Return readings and differences as named in :mod:`perfexp.metrics`, and reasons for absent ones."""
        found = {
            "memory_baseline_mb": self._baseline,
            "memory_loaded_mb": self._loaded,
            "memory_model_mb": self._loaded - self._baseline,
        }
        if self._no_peak:
            return found, dict.fromkeys(("memory_peak_mb", "memory_peak_resident_mb"), self._no_peak)
        peak = peak_mb()
        return {**found, "memory_peak_resident_mb": peak, "memory_peak_mb": peak - self._baseline}, {}
