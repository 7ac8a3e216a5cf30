"""The only reader from MLflow: runs become one typed DataFrame."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp import search, store, tables
from perfexp.errors import ConfigError, TrackingError, nearest

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

_FIRST = ["run_id", "status", "start_time"]
_RENAMED = {
    "model.name": "model",
    "model.source": "source",
    "backend.name": "backend",
    "backend.device": "device",
    "backend.precision": "precision",
    "backend.threads": "threads",
    "effective.input_size": "effective_input_size",
}
_CATEGORIES = (
    "model", "display_name", "family", "source", "backend", "device", "precision", "status",
    "weights", "host", "cpu", "sweep", "sweep_id", "kind", "published_in",
)  # fmt: skip
_INTEGERS = (
    "batch_size",
    "effective_input_size",
    "seed",
    "params",
    "macs",
    "iterations",
    "warmup_iterations",
)


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
    """Read runs out of MLflow, one row a run, newest first.

    Args:
        experiment: its name; MLFLOW_EXPERIMENT_NAME or ``perfexp`` when left out.
        sweep: a sweep's id, or its name for all sweeps of that name.
        where: a pandas query over the columns, as in ``"batch_size <= 8 and backend == 'torch'"``.
        status: MLflow's run status; None for all of them.
        kind: ``cell`` for measurements, ``published`` for rows of imported tables, ``curve`` for
            the runs that draw lines; or several of these.
        columns: read only these, besides ``run_id``, ``status``, ``start_time`` and what ``where``
            asks for; one that no run has is left out. None reads all.
        samples: add the column ``samples_ms``, an array of shape ``(iterations,)`` a row.
        tracking_uri: as ``tracking.uri``; the SQLite file below ``mlruns/`` when left out.

    Returns:
        Numbers as numbers, categories as categories; metrics under the names of
        :mod:`perfexp.metrics`, parameters with dots turned into underscores.

    Raises:
        TrackingError: there is no such store or experiment.
        ConfigError: ``where`` is not a query over the columns.
    """
    import pandas as pd

    root = Path("mlruns")
    uri = store.resolve(tracking_uri, root)
    client = store.connect(uri, root, create=False)
    name = store.experiment_name(experiment)
    kinds = [_unquoted(k) for k in ([kind] if isinstance(kind, str) else kind)]
    status = _unquoted(status) if status else None
    column_of = _chooser(columns, where)
    with store.explained(uri):
        experiment_id = _experiment_id(client, uri, name)
        frame = pd.DataFrame()
        for tag in ("sweep_id", "sweep") if sweep else ("",):
            tags = {"kind": kinds, **({tag: [_unquoted(sweep)]} if sweep else {})}
            frame = _read(client, uri, experiment_id, tags, status, column_of)
            if not frame.empty:
                break
    frame = _where(_typed(frame), where).copy()
    if samples:
        frame["samples_ms"] = pd.Series(
            [_samples(client, run_id) for run_id in frame.get("run_id", [])], index=frame.index, dtype=object
        )
    return frame.reset_index(drop=True)


def _read(
    client: "MlflowClient",
    uri: str,
    experiment_id: str,
    tags: Mapping[str, Collection[str]],
    status: str | None,
    column_of: Callable[[str], str | None],
) -> "pd.DataFrame":
    """The runs' columns, from the tables where they can be read, else from the client."""
    import pandas as pd

    frame = tables.read(uri, experiment_id, tags, status, column_of)
    if frame is None:
        frame = search.read(client, experiment_id, tags, status, column_of)
    frame = frame.replace("None", None)
    return frame[[*_FIRST, *sorted(frame.columns.difference(_FIRST))]] if len(frame) else pd.DataFrame()


def _chooser(columns: Sequence[str] | None, where: str | None) -> Callable[[str], str | None]:
    """From a parameter's, tag's or metric's name to its column; None for what is not asked for."""
    wanted = None if columns is None else {*columns, *_names(where or "")}

    def column_of(key: str) -> str | None:
        if key.startswith("mlflow."):
            return None
        name = _RENAMED.get(key, key.replace(".", "_"))
        return name if wanted is None or name in wanted else None

    return column_of


def _names(where: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", where))


def _unquoted(text: str) -> str:
    if "'" in text:
        raise ConfigError(f"A filter value cannot hold a quotation mark, but got {text!r}; leave it out.")
    return text


def _experiment_id(client: "MlflowClient", uri: str, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        known = [experiment.name for experiment in client.search_experiments()]
        raise TrackingError(
            f"There is no experiment {name!r} in {store.redacted(uri)}: {nearest(name, known)}; "
            "name one of them."
        )
    return str(found.experiment_id)


def _typed(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    if frame.empty:
        return frame
    frame = frame.assign(start_time=pd.to_datetime(frame["start_time"], unit="ms", utc=True))
    for column in frame.select_dtypes(include=["object", "str"]):
        if column in _CATEGORIES:
            frame[column] = frame[column].astype("category")
        elif column != "run_id":
            frame[column] = _as_numbers(frame[column])
    for column in _INTEGERS:
        if column in frame and frame[column].notna().all():
            frame[column] = frame[column].astype("int64")
    return frame


def _as_numbers(column: "pd.Series[str]") -> "pd.Series[float] | pd.Series[str] | pd.Series[bool]":
    import pandas as pd

    if set(column.dropna()) <= {"True", "False"} and column.notna().all():
        return column == "True"
    try:
        return pd.to_numeric(column)
    except (ValueError, TypeError):
        return column


def _where(frame: "pd.DataFrame", where: str | None) -> "pd.DataFrame":
    if where is None or frame.empty:
        return frame
    try:
        return frame.query(where)
    except (ValueError, SyntaxError, TypeError, NameError) as error:
        raise ConfigError(
            f"where={where!r} is not a query over the runs' columns ({error}); "
            "write it as in \"batch_size <= 8 and backend == 'torch'\"."
        ) from error


def _samples(client: "MlflowClient", run_id: str) -> object:
    import numpy as np
    from mlflow.artifacts import load_text

    uri = client.get_run(run_id).info.artifact_uri
    stored = json.loads(load_text(f"{uri}/samples.json"))
    return np.asarray(stored["samples_ms"], dtype=np.float64)
