"""The process that writes a run, and whether it can still be alive.

A run is RUNNING only while it is written, for well under a second: its heartbeat is the moment at
which the write began.
"""

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import psutil
from pydantic import Field

STALE_AFTER_S = 600.0
"""Seconds after which an unfinished write on another host is taken for dead."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SAME_START_S = 5.0
"""Tolerance for a system clock that was set; a process id is not reused that soon."""


@dataclass(frozen=True)
class Writer:
    """A process at the moment it begins to write: seconds since the epoch."""

    host: str
    boot: str
    pid: Annotated[int, Field(gt=0, lt=2**31)]
    started: Annotated[float, Field(allow_inf_nan=False)]
    heartbeat: Annotated[float, Field(allow_inf_nan=False)]

    def text(self) -> str:
        """Return the text of the run's tag."""
        return json.dumps(asdict(self))

    def death(self, now: float) -> str | None:
        """Return why it can no longer be writing; None while it may be."""
        writer = f"its writer, process {self.pid} on {self.host},"
        if self.host != socket.gethostname():
            silent_s = now - self.heartbeat
            return f"{writer} was silent for {silent_s / 60:.0f} min" if silent_s > STALE_AFTER_S else None
        if self.boot != _boot():
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
    return Writer(socket.gethostname(), _boot(), os.getpid(), started, time.time())


def parse(text: str | None) -> Writer | None:
    """Return the writer in a run's tag; None if the tag names none, whoever wrote it."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Writer).validate_json(text, strict=True) if text else None
    except ValidationError:
        return None


def _boot() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
