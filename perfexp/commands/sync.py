"""Deliver measured runs that a store did not take; any later perfexp does so too.

  perfexp sync
  perfexp sync tracking.uri=http://server:5000

Runs wait below tracking.root/spool until their store has them.
"""

import shlex
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from perfexp.config.options import option
from perfexp.config.schema import TrackingConfig
from perfexp.console import say
from perfexp.errors import Exit, PerfexpError, TrackingError
from perfexp.store import connection
from perfexp.store.address import HIDDEN, redacted
from perfexp.store.outbox import Outbox


@dataclass
class Config:
    """Where the runs wait, and the address of their store where it has credentials."""

    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


def main(settings: Config) -> Exit:
    """Deliver all runs that wait for the configured store; the exit code is 1 if some still wait."""
    root = Path(settings.tracking.root)
    outbox = Outbox(root)
    outbox.tidy()
    for address, count in Counter(outbox.stores()).items():
        try:
            uri = _uri(address, connection.resolve(settings.tracking.uri, root))
            outbox.deliver(connection.connect(uri, root, create=False), uri)
        except PerfexpError as error:
            say(f"perfexp sync: {count} runs stay in {outbox.folder}: {error}", file=sys.stderr)
    left = len(outbox.waiting())
    say(f"{left} runs wait in {outbox.folder}.")
    return Exit.FAILED if left else Exit.DONE


def _uri(address: str, given: str) -> str:
    """Return the given address if the runs are for it: a file does not decide where credentials go."""
    if redacted(given) == address:
        return given
    shown = (
        "the address with its credentials" if HIDDEN in address else shlex.quote(f"tracking.uri={address}")
    )
    raise TrackingError(f"they are for {address}; give {shown} to perfexp sync or in MLFLOW_TRACKING_URI.")
