"""Deliver runs that a store did not take, or copy those of one store into another.

  perfexp sync
  perfexp sync tracking.uri=http://server:5000
  perfexp sync from=sqlite:///old/mlruns/mlflow.db to=http://server:5000

Runs wait below tracking.root/spool until their store has them; any later perfexp delivers them too. A copy
has the artifacts as well, and goes on where it was interrupted.
"""

import shlex
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from perfexp.config.options import option
from perfexp.config.schema import TrackingConfig
from perfexp.console import say
from perfexp.errors import ConfigError, Exit, PerfexpError, TrackingError
from perfexp.store import connection
from perfexp.store.address import HIDDEN, redacted
from perfexp.store.outbox import copying
from perfexp.store.outbox.queue import Outbox


@dataclass
class Config:
    """Where the runs wait, or which stores are copied; addresses with credentials in the environment."""

    from_: str | None = option(None, "store to copy from; null: the configured one, if to= is given")
    to: str | None = option(None, "store to copy to; null: the configured one, if from= is given")
    experiment: str | None = option(None, "to copy; null: all")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


def main(settings: Config) -> Exit:
    """Copy, or deliver all runs that wait for the configured store.

    Returns:
        FAILED if some runs still wait.

    Raises:
        TrackingError: a store that is copied cannot be used.
    """
    root = Path(settings.tracking.root)
    if settings.from_ or settings.to:
        _copy(settings, root)
        return Exit.DONE
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


def _copy(settings: Config, root: Path) -> None:
    addresses = [
        connection.resolve(uri or settings.tracking.uri, root) for uri in (settings.from_, settings.to)
    ]
    if addresses[0] == addresses[1]:
        raise ConfigError(f"{redacted(addresses[0])} is copied into itself; give from= or to= another store.")
    source, target = (
        copying.Place(connection.connect(uri, root, create=uri == addresses[1]), uri, root)
        for uri in addresses
    )
    for experiment in [settings.experiment] if settings.experiment else copying.experiments(source):
        copied, there = copying.copy(source, target, experiment)
        say(f"{experiment}: {copied} runs copied, {there} were there already.", flush=True)


def _uri(address: str, given: str) -> str:
    """Return the given address if the runs are for it: a file does not decide where credentials go."""
    if redacted(given) == address:
        return given
    shown = (
        "the address with its credentials" if HIDDEN in address else shlex.quote(f"tracking.uri={address}")
    )
    raise TrackingError(f"they are for {address}; give {shown} to perfexp sync or in MLFLOW_TRACKING_URI.")
