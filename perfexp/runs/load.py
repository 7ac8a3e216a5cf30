"""The only reader from MLflow: runs become one typed DataFrame."""

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.errors import ConfigError, TrackingError, nearest
from perfexp.runs import client as search
from perfexp.runs import columns as frames
from perfexp.runs import sql
from perfexp.runs import where as pushdown
from perfexp.store import connection

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

_RENAMED = {
    "model.name": "model",
    "model.source": "source",
    "backend.name": "backend",
    "backend.device": "device",
    "backend.precision": "precision",
    "backend.threads": "threads",
    "effective.input_size": "effective_input_size",
    "dataset.name": "dataset",
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
    """Read runs out of MLflow, one row a run, newest first.

    Args:
        experiment: its name; MLFLOW_EXPERIMENT_NAME or ``perfexp`` when left out.
        sweep: a sweep's id, or its name for all sweeps of that name.
        where: a pandas query over the columns, as in ``"batch_size <= 8 and backend == 'torch'"``.
        status: MLflow's run status; None for all of them.
        kind: ``cell`` for measurements, ``evaluation`` for measured accuracy, ``published`` for
            rows of imported tables, ``curve`` for the runs that draw lines; or several of these.
        columns: read only these, besides ``run_id``, ``status``, ``start_time`` and what ``where``
            asks for; one that no run has is left out. None reads all.
        samples: add the column ``samples_ms``, an array of shape ``(iterations,)`` a row.
        tracking_uri: as ``tracking.uri``; the SQLite file below ``mlruns/`` when left out.

    Returns:
        Numbers as numbers, categories as categories; metrics under the names of
        :mod:`perfexp.metrics`, parameters with dots turned into underscores. The column
        ``latency_p50_sentinels`` is the median latency over the run's own sentinel kernels
        (geometric mean of both, before and after): for runs of different hours or hosts.

    Raises:
        TrackingError: there is no such store or experiment.
        ConfigError: ``where`` is not a query over the columns.
    """
    import pandas as pd

    root = Path("mlruns")
    uri = connection.resolve(tracking_uri, root)
    client = connection.connect(uri, root, create=False)
    name = connection.experiment_name(experiment)
    kinds = [_unquoted(k) for k in ([kind] if isinstance(kind, str) else kind)]
    status = _unquoted(status) if status else None
    column_of = _chooser(columns, where)
    with connection.explained(uri):
        experiment_id = _experiment_id(client, uri, name)
        frame = pd.DataFrame()
        for tag in ("sweep_id", "sweep") if sweep else ("",):
            tags = {"kind": kinds, **({tag: [_unquoted(sweep)]} if sweep else {})}
            read = sql.read(uri, experiment_id, tags, status, column_of, pushdown.texts(where))
            frame = search.read(client, experiment_id, tags, status, column_of) if read is None else read
            if not frame.empty:
                break
    frame = frames.where(frames.in_sentinels(frames.typed(frame)), where).copy()
    if samples:
        frame["samples_ms"] = pd.Series(
            [_samples(client, run_id) for run_id in frame.get("run_id", [])], index=frame.index, dtype=object
        )
    return frame.reset_index(drop=True)


def _chooser(columns: Sequence[str] | None, where: str | None) -> Callable[[str], str | None]:
    """From a parameter's, tag's or metric's name to its column; None for what is not asked for."""
    wanted = None if columns is None else {*columns, *_names(where or "")}
    if wanted is not None and "latency_p50_sentinels" in wanted:
        wanted |= {"latency_p50_ms", *frames.SENTINELS}

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
            f"There is no experiment {name!r} in {connection.redacted(uri)}: {nearest(name, known)}; "
            "name one of them."
        )
    return str(found.experiment_id)


def _samples(client: "MlflowClient", run_id: str) -> object:
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="perfexp-") as folder:
        path = Path(client.download_artifacts(run_id, "samples.json", folder))
        stored = json.loads(path.read_text(encoding="utf-8"))
    return np.asarray(stored["samples_ms"], dtype=np.float64)
