"""The program, called in this process."""

import sys

from perfexp.commands import main


def perfexp(*arguments: str) -> int:
    """Call ``perfexp`` with these arguments; returns its exit code."""
    if session := sys.modules.get("perfexp.sweep.session"):
        session.current.cache_clear()  # each call is an invocation of its own
    before = sys.argv
    sys.argv = ["perfexp", *arguments]
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = before
    return 0
