"""The finished cells of an experiment, found by key, and the sweeps they came from."""

from functools import cached_property
from typing import TYPE_CHECKING

from perfexp.outcomes import FINISHED, METRICS, SKIPPED, TAGS, Outcome
from perfexp.runs import client, sql
from perfexp.store import connection
from perfexp.store.tracker import Tracker

if TYPE_CHECKING:
    import pandas as pd

_PARAMS = ("backend.name", "batch_size")
_COLUMNS = {*METRICS, *TAGS, *_PARAMS}


class Finished:
    """Read in one go where the store's tables can be, else asked for cell by cell."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def find(self, key: str) -> Outcome | None:
        """The newest finished run of a cell, as the outcome of a cell that need not run again.

        Raises:
            TrackingError: the store cannot be read.
        """
        frame = self._of(key) if self._all is None else self._all
        if key not in frame.index:
            return None
        row = frame.loc[key].dropna().to_dict()
        return Outcome(
            model=row["model"],
            backend=row["backend.name"],
            batch_size=int(row["batch_size"]),
            status=SKIPPED,
            reason="An earlier run's numbers stand for it.",
            run_id=row["run_id"],
            metrics={name: float(row[name]) for name in METRICS if name in row},
            tags={name: str(row[name]) for name in TAGS if name in row},
        )

    @cached_property
    def _all(self) -> "pd.DataFrame | None":
        tracker = self._tracker
        with connection.explained(tracker.uri):
            frame = sql.read(tracker.uri, tracker.experiment_id, {"kind": ["cell"]}, FINISHED, _column)
        return None if frame is None else _by_key(frame)

    def _of(self, key: str) -> "pd.DataFrame":
        tracker = self._tracker
        tags = {"kind": ["cell"], "cell_key": [key]}
        with connection.explained(tracker.uri):
            return _by_key(client.read(tracker.client, tracker.experiment_id, tags, FINISHED, _column))


def sweep_id(tracker: Tracker, grid: str) -> str | None:
    """The id under which this grid was swept last, None if it never was.

    Raises:
        TrackingError: the store cannot be read.
    """
    query, newest = f"tags.sweep_grid = '{grid}'", ["attributes.start_time DESC"]
    with connection.explained(tracker.uri):
        found = tracker.client.search_runs([tracker.experiment_id], query, max_results=1, order_by=newest)
    return found[0].data.tags.get("sweep_id") if found else None


def _column(name: str) -> str | None:
    return name if name in _COLUMNS else None


def _by_key(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The newest run of each key; the frame's order is newest first."""
    if "cell_key" not in frame:
        return frame.iloc[:0]
    return frame.drop_duplicates("cell_key").set_index("cell_key", drop=False)
