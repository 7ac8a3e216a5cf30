"""Cells that other processes measure, seen in the store while they come in."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from perfexp.errors import TrackingError
from perfexp.runs import client, sql
from perfexp.store.connection import explained
from perfexp.store.tracker import Tracker
from perfexp.sweep.progress import SweepProgress

_EVERY_S = 5.0


@contextmanager
def watched(ledger: SweepProgress, sweep_id: str, every_s: float = _EVERY_S) -> Iterator[None]:
    """During the body, tell how many of the sweep's cells have ended since it began."""
    tracker, over, since_ms = ledger.tracker, threading.Event(), time.time() * 1000
    assert tracker is not None

    def watch() -> None:
        while not over.wait(every_s):
            try:
                ledger.see(_statuses(tracker, sweep_id, since_ms))
            except TrackingError:
                continue  # it may be back at the next look; the launcher's results do not need it

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _statuses(tracker: Tracker, sweep_id: str, since_ms: float) -> list[str]:
    where = (tracker.experiment_id, {"sweep_id": [sweep_id], "kind": ["cell"]}, None, _no_column)
    with explained(tracker.uri):
        frame = sql.read(tracker.uri, *where)
        if frame is None:
            frame = client.read(tracker.client, *where)
    return list(frame["status"][frame["start_time"] >= since_ms])


def _no_column(_key: str) -> None:
    return None
