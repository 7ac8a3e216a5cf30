"""The program, called in this process."""

import sys

from perfexp.commands import main


def perfexp(*arguments: str) -> int:
    """Call ``perfexp`` with these arguments; returns its exit code."""
    before = sys.argv
    sys.argv = ["perfexp", *arguments]
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = before
    return 0
