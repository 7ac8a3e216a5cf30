"""Finished cells of an experiment, by key, and the sweep that they belong to."""

from collections.abc import Hashable
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any

from perfexp.console import say
from perfexp.records import FINISHED, OUTCOME_METRICS, OUTCOME_TAGS, SKIPPED, Outcome, RunKind
from perfexp.runs import client, sql
from perfexp.runs.columns import FIRST_BACKENDS
from perfexp.store import connection, search
from perfexp.store.tracker import Tracker

if TYPE_CHECKING:
    import pandas as pd

_PARAMS = ("backend.name", "batch_size")
_COLUMNS = {*OUTCOME_METRICS, *OUTCOME_TAGS, *_PARAMS}


class Finished:
    """Finished cells: read all at once where many are asked for and the store's tables can be read.

    Args:
        tracker: the store.
        few: this process asks for one cell or so, as a cluster's job does: each is looked up alone.
    """

    def __init__(self, tracker: Tracker, few: bool = False) -> None:
        self._tracker, self._few = tracker, few

    def find(self, key: str) -> Outcome | None:
        """Return the newest finished run of a cell, as the outcome of a cell that need not run again.

        Raises:
            TrackingError: the store cannot be read.
        """
        frame = self._of(key) if self._few or self._all is None else self._all
        if key not in frame.index:
            return None
        row = frame.loc[key].dropna().to_dict()
        try:
            return _outcome(row)
        except (KeyError, ValueError, OverflowError) as error:
            say(
                f"The run {row['run_id']} is no cell of perfexp ({error!r}); its cell is measured again.",
                flush=True,
            )
            return None

    @cached_property
    def _all(self) -> "pd.DataFrame | None":
        tracker = self._tracker
        with connection.explained(tracker.uri):
            frame = sql.read(tracker.uri, tracker.experiment_id, {"kind": [RunKind.CELL]}, FINISHED, _column)
        return None if frame is None else _by_key(frame)

    def _of(self, key: str) -> "pd.DataFrame":
        tracker = self._tracker
        tags: dict[str, list[str]] = {"kind": [RunKind.CELL], "cell_key": [key]}
        place = tracker.uri, tracker.experiment_id
        with connection.explained(tracker.uri):
            frame = sql.read(*place, tags, FINISHED, _column)
            return _by_key(client.read(*place, tags, FINISHED, _column) if frame is None else frame)


def _outcome(row: "dict[Hashable, Any]") -> Outcome:
    """Return a finished run as an outcome.

    Raises:
        KeyError, ValueError, OverflowError: it has not what a finished cell has, whoever wrote it.
    """
    metrics = {name: float(row[name]) for name in OUTCOME_METRICS if name in row}
    if not all(0 < metrics[name] < inf for name in ("latency_p50_ms", *metrics)):
        raise ValueError("a metric is not a positive number")
    return Outcome(
        model=row["model"],
        backend=FIRST_BACKENDS.get(row["backend.name"], row["backend.name"]),
        batch_size=int(row["batch_size"]),
        status=SKIPPED,
        reason="The numbers are those of an earlier run.",
        run_id=row["run_id"],
        metrics=metrics,
        tags={name: str(row[name]) for name in OUTCOME_TAGS if name in row},
    )


def sweep_id(tracker: Tracker, grid: str) -> str | None:
    """Return the id of the newest sweep of this grid; None if there is none.

    Raises:
        TrackingError: the store cannot be read.
    """
    from mlflow import MlflowClient

    query = search.mlflow_filter(sweep_grid=grid)
    with connection.explained(tracker.uri):
        run = search.newest(MlflowClient(tracker.uri), tracker.experiment_id, query)
    return run.data.tags.get("sweep_id") if run else None


def _column(name: str) -> str | None:
    return name if name in _COLUMNS else None


def _by_key(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the newest run of each key; the frame is ordered newest first."""
    if "cell_key" not in frame:
        return frame.iloc[:0]
    return frame.drop_duplicates("cell_key").set_index("cell_key", drop=False)
