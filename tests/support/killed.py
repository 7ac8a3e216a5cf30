"""``python killed.py MODULE:FUNCTION before|after N ARGUMENTS…``: perfexp, killed by SIGKILL there."""

import importlib
import os
import signal
import sys
from functools import reduce


def arm(place: str, moment: str, nth: int) -> None:
    """Die before or after the ``nth`` call of a function."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = reduce(getattr, owners, importlib.import_module(module))
    original, calls = getattr(owner, name), []

    def deadly(*arguments: object, **options: object) -> object:
        calls.append(name)
        if moment == "before" and len(calls) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        done = original(*arguments, **options)
        if len(calls) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(owner, name, deadly)


if __name__ == "__main__":
    arm(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    del sys.argv[1:4]
    from perfexp.commands import main

    main()
