"""What waits in the spool is brought to the store that it is for, each run once."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.errors import TrackingError
from perfexp.store import connection, delivery
from perfexp.store.outbox import Outbox

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Synced:
    """How many runs arrived, and a sentence for each that could not be delivered."""

    arrived: int
    refused: Sequence[str]


def deliver(spool: Outbox, client: "MlflowClient", uri: str, root: Path) -> Synced:
    """Send every waiting run that is for this store and that no other process sends.

    Raises:
        TrackingError: the store does not answer any more.
    """
    arrived, refused = 0, []
    spool.tidy()
    for path in spool.waiting():
        try:
            arrived += _arrives(spool, path, client, uri, root)
        except TrackingError as error:
            connection.require_answer(uri)
            refused.append(str(error))
    return Synced(arrived, refused)


def _arrives(spool: Outbox, path: Path, client: "MlflowClient", uri: str, root: Path) -> bool:
    with spool.claimed(path) as found:
        if found is None or found.store != connection.redacted(uri):
            return False
        experiment_id = connection.experiment_id(client, uri, found.experiment, root)
        with connection.explained(uri):
            delivery.send_again(client, experiment_id, found)
        spool.arrived(found.id)
    return True


def told(synced: Synced) -> None:
    """Say on stderr what was delivered, and what was not."""
    for sentence in synced.refused:
        print(sentence, file=sys.stderr)
    if synced.arrived:
        print(f"Delivered {synced.arrived} runs that had waited in the spool.", file=sys.stderr, flush=True)
