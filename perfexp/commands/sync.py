"""Deliver measured runs that a store did not take; any later perfexp does so too.

  perfexp sync

Runs wait below tracking.root/spool until their store has them.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from perfexp.config.options import option
from perfexp.config.schema import TrackingConfig
from perfexp.errors import Exit, PerfexpError, TrackingError
from perfexp.store import connection
from perfexp.store.address import HIDDEN, redacted
from perfexp.store.outbox import Outbox


@dataclass
class Config:
    """Where the runs wait, and the address of their store where it has credentials."""

    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


def main(settings: Config) -> Exit:
    """Deliver all waiting runs; the exit code is 1 if some still wait.

    Raises:
        TrackingError: a waiting file is damaged.
    """
    root = Path(settings.tracking.root)
    outbox = Outbox(root)
    outbox.tidy()
    for address, count in Counter(outbox.stores()).items():
        try:
            uri = _uri(address, connection.resolve(settings.tracking.uri, root))
            outbox.deliver(connection.connect(uri, root, create=False), uri)
        except PerfexpError as error:
            print(f"perfexp sync: {count} runs stay in {outbox.folder}: {error}", file=sys.stderr)
    left = len(outbox.waiting())
    print(f"{left} runs wait in {outbox.folder}.")
    return Exit.FAILED if left else Exit.DONE


def _uri(address: str, given: str) -> str:
    if redacted(given) == address:
        return given
    if HIDDEN in address:
        raise TrackingError(
            f"the credentials of {address} are not kept; give the address with tracking.uri= or "
            "MLFLOW_TRACKING_URI."
        )
    return address
