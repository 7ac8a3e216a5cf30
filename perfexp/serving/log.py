"""The server's log: kept over its starts, for its user alone, and of bounded size."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import IO

MOST_BYTES = 10_000_000
_CHECK_S = 30.0


def opened(path: Path) -> IO[bytes]:
    """Return the log, to be continued."""
    path.touch(mode=0o600)
    return path.open("a+b")  # what is cut off from outside leaves no hole


def bounded_until_end(process: subprocess.Popen[bytes], path: Path) -> int:
    """Keep the log of a server small while it runs; return the server's exit code."""
    while True:
        try:
            return process.wait(timeout=_CHECK_S)
        except subprocess.TimeoutExpired:
            bound(path)


def bound(path: Path) -> None:
    """Move what a log holds to ``NAME.1`` if it is too long."""
    if path.stat().st_size > MOST_BYTES:
        older = path.with_name(f"{path.name}.1")
        older.touch(mode=0o600)
        shutil.copyfile(path, older)
        os.truncate(path, 0)
