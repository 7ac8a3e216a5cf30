"""``python guard.py PROGRAM…`` runs a program until the process that started this one is gone.

That process holds the other end of stdin, which the system closes however it ends, ``kill -9`` included. Then
all processes of the program end too. It is started by its path, in a session of its own, and imports nothing
but the standard library.
"""

import os
import signal
import subprocess
import sys
import threading
import time

_PATIENCE_S = 3.0


def main() -> None:
    """Run the program; end with its exit code, or with it."""
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    orphaned = threading.Event()

    def follow() -> None:
        code = process.wait()
        if not orphaned.is_set():
            os._exit(code if code >= 0 else 128 - code)

    threading.Thread(target=follow, daemon=True).start()
    sys.stdin.buffer.read()
    orphaned.set()
    if os.name != "posix":
        process.terminate()
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    time.sleep(_PATIENCE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
