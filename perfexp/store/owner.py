"""Who writes a run, and whether that process can still be alive.

A run exists as RUNNING only while it is written, for well under a second: its heartbeat is the
moment at which that began.
"""

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

STALE_AFTER_S = 600.0
"""A write on another host that began longer ago has died: it takes under a second."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SAME_START_S = 5.0
"""The system's clock may be set meanwhile; a process id is not used again so soon."""


@dataclass(frozen=True)
class Writer:
    """A process at the moment it begins to write: seconds since the epoch."""

    host: str
    boot: str
    pid: int
    started: float
    heartbeat: float

    def text(self) -> str:
        """As a run's tag."""
        return json.dumps(asdict(self))

    def death(self, now: float) -> str | None:
        """Why it can no longer be writing, None while it may be."""
        told = f"its writer, process {self.pid} on {self.host},"
        if self.host != socket.gethostname():
            silent_s = now - self.heartbeat
            return f"{told} was silent for {silent_s / 60:.0f} min" if silent_s > STALE_AFTER_S else None
        if self.boot != _boot():
            return f"{told} ended with the machine's restart"
        return None if self._runs() else f"{told} is gone"

    def _runs(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def this_process() -> Writer:
    """The writer that asks."""
    started = psutil.Process().create_time()
    return Writer(socket.gethostname(), _boot(), os.getpid(), started, time.time())


def parse(text: str | None) -> Writer | None:
    """The writer in a run's tag, None where there is none."""
    try:
        return Writer(**json.loads(text)) if text else None
    except (TypeError, ValueError):
        return None


def _boot() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
