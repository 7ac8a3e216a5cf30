"""Read runs out of MLflow as one typed DataFrame."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.runs import client, sql
from perfexp.runs.columns import FIRST_BACKENDS, typed
from perfexp.runs.where import required_texts, rows_where
from perfexp.store import connection

if TYPE_CHECKING:
    import pandas as pd

_RENAMED = {
    "model.name": "model",
    "model.source": "source",
    "backend.name": "backend",
    "backend.device": "device",
    "backend.precision": "precision",
    "backend.threads": "threads",
    "effective.input_size": "effective_input_size",
    "dataset.name": "dataset",
    "measure.precision": "measure_rel_half_width",
}


def load_runs(
    experiment: str | None = None,
    *,
    sweep: str | None = None,
    where: str | None = None,
    status: str | None = "FINISHED",
    kind: str | Sequence[str] = "cell",
    columns: Sequence[str] | None = None,
    samples: bool = False,
    tracking_uri: str | None = None,
) -> "pd.DataFrame":
    """Return the runs of an experiment, one row a run, newest first.

    Args:
        experiment: its name; by default MLFLOW_EXPERIMENT_NAME, else ``perfexp``.
        sweep: a sweep's id, or its name for all sweeps of that name.
        where: a pandas query over the columns, as in ``"batch_size <= 8 and backend == 'torch'"``.
        status: MLflow's run status; None for all of them.
        kind: ``cell`` for measurements, ``evaluation`` for measured accuracy, ``published`` for
            rows of imported tables, ``curve`` for the runs that draw lines; or several of these.
        columns: read only these, besides ``run_id``, ``status``, ``start_time`` and those named in
            ``where``; one that no run has is left out. None reads all.
        samples: add the column ``samples_ms``, an array of shape ``(iterations,)`` a row.
        tracking_uri: as ``tracking.uri``; by default MLFLOW_TRACKING_URI, else SQLite below ``mlruns/``.

    Returns:
        Numbers as numbers, categories as categories; metrics under the names of
        :mod:`perfexp.metrics`, parameters with dots turned into underscores.

    Raises:
        TrackingError: there is no such store or experiment.
        ConfigError: ``where`` is not a query over the columns.
    """
    import pandas as pd

    root = Path("mlruns")
    uri = connection.resolve(tracking_uri, root)
    store = connection.connect(uri, root, create=False)
    kinds = [kind] if isinstance(kind, str) else list(kind)
    column_of, texts = _chooser(columns, where), required_texts(where)
    if backends := texts.get("backend"):
        texts["backend"] = backends | {old for old, new in FIRST_BACKENDS.items() if new in backends}
    with connection.explained(uri):
        experiment_id = client.experiment_id(store, uri, connection.experiment_name(experiment))
        frame = pd.DataFrame()
        for sweep_tags in [{tag: [sweep]} for tag in ("sweep_id", "sweep")] if sweep else [{}]:
            tags = {"kind": kinds, **sweep_tags}
            found = sql.read(uri, experiment_id, tags, status, column_of, texts)
            frame = client.read(uri, experiment_id, tags, status, column_of) if found is None else found
            if not frame.empty:
                break
    frame = rows_where(typed(frame), where).copy()
    if samples:
        times = client.samples(uri, frame.get("run_id", []))
        frame["samples_ms"] = pd.Series(times, index=frame.index, dtype=object)
    return frame.reset_index(drop=True)


def _chooser(columns: Sequence[str] | None, where: str | None) -> Callable[[str], str | None]:
    """Return the function from a parameter's, tag's or metric's name to its column, None if not read."""
    chosen = None if columns is None else {*columns, *_names(where or "")}

    def column_of(key: str) -> str | None:
        if key.startswith("mlflow."):
            return None
        name = _RENAMED.get(key, key.replace(".", "_"))
        return name if chosen is None or name in chosen else None

    return column_of


def _names(where: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", where))
