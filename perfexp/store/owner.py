"""The process that writes a run, and whether it can still be alive.

A run is RUNNING only while it is written, mostly for well under a second. Of a process on this machine the
system tells whether it lives; of one on another machine only how long this machine has seen it unchanged.
"""

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import psutil
from pydantic import Field

from perfexp.cache import digest

STALE_AFTER_S = 86_400.0
"""Seconds for which a write on another machine must have been seen unfinished to be taken for dead."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_ID, _PROCESSES = Path("/etc/machine-id"), Path("/proc/self/ns/pid")
_SAME_START_S = 5.0
"""Tolerance for a system clock that was set; a process id is not reused that soon."""


@dataclass(frozen=True)
class Writer:
    """A process at the moment it begins to write: seconds since the epoch.

    ``machine`` tells machines of one name apart, and containers of one machine.
    """

    host: str
    boot: str
    pid: Annotated[int, Field(gt=0, lt=2**31)]
    started: Annotated[float, Field(allow_inf_nan=False)]
    heartbeat: Annotated[float, Field(allow_inf_nan=False)]
    machine: str = ""

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return (self.host, self.machine) == (socket.gethostname(), machine())

    def text(self) -> str:
        """Return the text of the run's tag."""
        return json.dumps(asdict(self))

    def death(self, unchanged_s: float = 0.0) -> str | None:
        """Return why it can no longer be writing; None while it may be.

        ``unchanged_s`` is for how long this machine has seen it unchanged.
        """
        writer = f"its writer, process {self.pid} on {self.host},"
        if not self.is_here:
            told = f"{writer} was silent for {unchanged_s / 3600:.0f} h"
            return told if unchanged_s > STALE_AFTER_S else None
        if self.boot != boot():
            return f"{writer} ended with the machine's restart"
        return None if self._runs() else f"{writer} is gone"

    def _runs(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def this_process() -> Writer:
    """Return the current process as a writer."""
    started = psutil.Process().create_time()
    return Writer(socket.gethostname(), boot(), os.getpid(), started, time.time(), machine())


def parse(text: str | None) -> Writer | None:
    """Return the writer in a run's tag; None if the tag names none, whoever wrote it."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Writer).validate_json(text, strict=True) if text else None
    except ValidationError:
        return None


def boot() -> str:
    """Return what tells this start of the machine from all others; "" where the system has no such thing."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""


@cache
def machine() -> str:
    """Return what tells this machine, or container, from others of its name."""
    facts = {}
    with suppress(OSError):
        facts["machine"] = _MACHINE_ID.read_text().strip()
    with suppress(OSError):
        facts["processes"] = str(_PROCESSES.readlink())
    return digest(facts)
