"""The only reader from MLflow: runs become one typed DataFrame."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp import store
from perfexp.errors import ConfigError, TrackingError, nearest

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run

_PAGE = 1000
_RENAMED = {
    "model.name": "model",
    "model.source": "source",
    "backend.name": "backend",
    "backend.device": "device",
    "backend.precision": "precision",
    "backend.threads": "threads",
    "effective.input_size": "effective_input_size",
}
_SENTINELS = tuple(
    f"sentinel_{kernel}_ms" for kernel in ("gemm_before", "gemm_after", "conv_before", "conv_after")
)
_CATEGORIES = (
    "model", "display_name", "family", "source", "backend", "device", "precision", "status",
    "weights", "host", "cpu", "sweep", "sweep_id", "kind",
)  # fmt: skip
_INTEGERS = (
    "batch_size",
    "effective_input_size",
    "seed",
    "params",
    "macs",
    "iterations",
    "warmup_iterations",
    "attempts",
)


def load_runs(
    experiment: str | None = None,
    *,
    sweep: str | None = None,
    where: str | None = None,
    status: str | None = "FINISHED",
    kind: str = "cell",
    samples: bool = False,
    tracking_uri: str | None = None,
) -> "pd.DataFrame":
    """Read runs out of MLflow, one row a run.

    Args:
        experiment: its name; MLFLOW_EXPERIMENT_NAME or ``perfexp`` when left out.
        sweep: a sweep's id, or its name for all sweeps of that name.
        where: a pandas query over the columns, as in ``"batch_size <= 8 and backend == 'torch'"``.
        status: MLflow's run status; None for all of them.
        kind: ``cell`` for measurements, ``curve`` for the runs that draw lines.
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
    uri = store.resolve(tracking_uri, root)
    client = store.connect(uri, root, create=False)
    name = store.experiment_name(experiment)
    with store.explained(uri):
        runs = list(_search(client, uri, name, _filter("sweep_id", sweep, status, kind)))
        if sweep and not runs:
            runs = list(_search(client, uri, name, _filter("sweep", sweep, status, kind)))
        frame = _in_sentinels(_typed(pd.DataFrame([_row(run) for run in runs])))
    frame = _where(frame, where).copy()
    if samples:
        frame["samples_ms"] = pd.Series(
            [_samples(client, run_id) for run_id in frame.get("run_id", [])], index=frame.index, dtype=object
        )
    return frame.reset_index(drop=True)


def _filter(sweep_tag: str, sweep: str | None, status: str | None, kind: str) -> str:
    terms = [f"tags.kind = '{_quoted(kind)}'"]
    if status:
        terms.append(f"attributes.status = '{_quoted(status)}'")
    if sweep:
        terms.append(f"tags.{sweep_tag} = '{_quoted(sweep)}'")
    return " and ".join(terms)


def _quoted(text: str) -> str:
    if "'" in text:
        raise ConfigError(f"A filter value cannot hold a quotation mark, but got {text!r}; leave it out.")
    return text


def _search(client: "MlflowClient", uri: str, name: str, query: str) -> Iterator["Run"]:
    found = client.get_experiment_by_name(name)
    if found is None:
        known = [experiment.name for experiment in client.search_experiments()]
        raise TrackingError(
            f"There is no experiment {name!r} in {store.redacted(uri)}: {nearest(name, known)}; "
            "name one of them."
        )
    token = None
    while True:
        page = client.search_runs([found.experiment_id], query, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _row(run: "Run") -> dict[str, object]:
    named = {**run.data.params, **run.data.tags}
    visible = {k: v for k, v in named.items() if not k.startswith("mlflow.")}
    texts = {_RENAMED.get(k, k.replace(".", "_")): v for k, v in visible.items()}
    return {
        "run_id": run.info.run_id,
        "status": run.info.status,
        "start_time": run.info.start_time,
        **{k: None if v == "None" else v for k, v in texts.items()},
        **run.data.metrics,
    }


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


def _in_sentinels(frame: "pd.DataFrame") -> "pd.DataFrame":
    import numpy as np

    if not {"latency_p50_ms", *_SENTINELS} <= set(frame):
        return frame
    unit_ms = np.exp(np.log(frame[list(_SENTINELS)].to_numpy(np.float64)).mean(axis=1))
    return frame.assign(latency_p50_sentinels=frame["latency_p50_ms"] / unit_ms)


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
