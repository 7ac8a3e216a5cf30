"""``python -m perfexp`` is the command ``perfexp``."""

from perfexp.commands import main

main()
