"""Further frames for notebooks: raw samples and curves in long form, sweeps and experiments as lists."""

from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.records import FINISHED, RunKind, variant
from perfexp.runs import client
from perfexp.runs.load import load_runs, opened
from perfexp.store import connection, search

if TYPE_CHECKING:
    import pandas as pd

_NAMED = ("run_id", "run_name", "model", "backend", "batch_size")
_SWEEP = ("sweep", "sweep_id", "axes", "model", "backend", "batch_size", "verdict")


def load_samples(
    runs: "pd.DataFrame", *, root: Path | str | None = None, tracking_uri: str | None = None
) -> "pd.DataFrame":
    """Return the timed batches of cells in long form, one row a batch.

    Args:
        runs: cells, as :func:`load_runs` returns them.
        root: as of :func:`load_runs`.
        tracking_uri: as of :func:`load_runs`.

    Returns:
        ``run_id, run_name, model, backend, batch_size, iteration`` (from 0) and ``latency_ms``.

    Raises:
        TrackingError: the store or a run's samples cannot be read.
    """
    import pandas as pd

    uri, _ = opened(root, tracking_uri)
    with connection.explained(uri):
        times = client.samples(uri, runs["run_id"])
    parts = [
        pd.DataFrame({**dict(zip(_NAMED, row, strict=True)), "iteration": range(len(ms)), "latency_ms": ms})
        for row, ms in zip(runs[list(_NAMED)].itertuples(index=False, name=None), times, strict=True)
    ]
    columns = [*_NAMED, "iteration", "latency_ms"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def load_curves(
    runs: "pd.DataFrame", *, root: Path | str | None = None, tracking_uri: str | None = None
) -> "pd.DataFrame":
    """Return the points of curves in long form, one row a batch size.

    Args:
        runs: curves, as ``load_runs(kind="curve")`` returns them.
        root: as of :func:`load_runs`.
        tracking_uri: as of :func:`load_runs`.

    Returns:
        ``run_id, run_name, model, backend, batch_size`` and a column for each metric of the curves.

    Raises:
        TrackingError: the store cannot be read.
    """
    import pandas as pd

    uri, store = opened(root, tracking_uri)
    with connection.explained(uri):
        parts = [
            client.curve(store, row[0]).assign(**dict(zip(_NAMED, row, strict=False)))
            for row in runs[list(_NAMED[:4])].itertuples(index=False, name=None)
        ]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_NAMED)
    return frame[[*_NAMED, *sorted({*frame} - {*_NAMED})]]


def sweeps(
    experiment: str | None = None, *, root: Path | str | None = None, tracking_uri: str | None = None
) -> "pd.DataFrame":
    """Return the sweeps of an experiment, the newest first.

    Returns:
        ``sweep, sweep_id, start_time`` (of its first cell), ``cells, failed, tainted, models, backends`` and
        ``axes``, the further keys that it varies.

    Raises:
        TrackingError: there is no such store or experiment.
    """
    import pandas as pd

    cells = load_runs(
        experiment, status=None, kind=RunKind.CELL, columns=list(_SWEEP), root=root, tracking_uri=tracking_uri
    )
    cells = cells.dropna(subset=["sweep_id"])
    names = ["sweep", "sweep_id", "start_time", "cells", "failed", "tainted", "models", "backends", "axes"]
    rows = [
        (
            *(part["sweep"].iloc[0], sweep_id, part["start_time"].min(), len(part)),
            *(int((part["status"] != FINISHED).sum()), int((part["verdict"] == "tainted").sum())),
            *(part["model"].nunique(), part["backend"].nunique(), _axes(part["axes"])),
        )
        for sweep_id, part in cells.groupby("sweep_id", observed=True)
    ]
    return pd.DataFrame(rows, columns=names).sort_values("start_time", ascending=False, ignore_index=True)


def experiments(*, root: Path | str | None = None, tracking_uri: str | None = None) -> list[str]:
    """Return the names of a store's experiments.

    Raises:
        TrackingError: there is no such store.
    """
    uri, store = opened(root, tracking_uri)
    with connection.explained(uri):
        return search.experiments(store)


def _axes(told: "pd.Series[str]") -> str:
    return ", ".join(dict.fromkeys(key for text in told.dropna() for key in variant(str(text))))
