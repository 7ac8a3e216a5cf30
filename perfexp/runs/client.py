"""Read runs through MLflow's client: from any store, one by one."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp import console, scratch
from perfexp.errors import TrackingError, nearest
from perfexp.metrics import name_of
from perfexp.store import search
from perfexp.store.address import redacted
from perfexp.store.connection import active_id

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from numpy.typing import NDArray


_FIRST = ("run_id", "run_name", "status", "start_time", "duration_s")
_MAX_SEARCHED = 1000


@dataclass(frozen=True)
class Stored:
    """A run as the store has it, metrics under perfexp's names."""

    id: str
    name: str
    status: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def read(
    uri: str,
    experiment_id: str,
    tags: Mapping[str, Collection[str]],
    status: str | None,
    column_of: Callable[[str], str | None],
) -> "pd.DataFrame":
    """Return the frame of :func:`perfexp.runs.sql.read`, from a store whose tables cannot be read.

    Raises:
        ConfigError: a filter value holds both kinds of quotation marks.
        MlflowException: the store refused.
    """
    import pandas as pd
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    queries = [
        search.mlflow_filter(status=status, **dict(zip(tags, values, strict=True)))
        for values in product(*tags.values())
    ]
    with console.counter("runs read") as bar:
        rows = [
            _row(run, column_of)
            for query in queries
            for run in bar.track(search.runs(client, experiment_id, query))
        ]
    frame = pd.DataFrame(rows, columns=None if rows else list(_FIRST))
    return frame.sort_values(["start_time", "run_id"], ascending=[False, True], ignore_index=True)


def experiment_id(client: "MlflowClient", uri: str, name: str) -> str:
    """Return the id of the experiment called ``name``.

    Raises:
        TrackingError: there is none, and the nearest are named; or it was deleted.
        MlflowException: the store refused.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        names = search.experiments(client)
        raise TrackingError(
            f"There is no experiment {name!r} in {redacted(uri)}; "
            + (f"{nearest(name, names)}: choose with experiment=." if names else "run perfexp first.")
        )
    return active_id(found, uri)


def stored(client: "MlflowClient", run_id: str) -> Stored:
    """Return one run.

    Raises:
        MlflowException: the store refused.
    """
    run = client.get_run(run_id)
    metrics = {name_of(key): value for key, value in run.data.metrics.items()}
    return Stored(run_id, run.info.run_name, run.info.status, run.data.params, metrics, run.data.tags)


def kinds(client: "MlflowClient", experiment_id: str) -> list[str]:
    """Return which kinds of runs the experiment has, as far as its newest runs tell.

    Raises:
        MlflowException: the store refused.
    """
    newest = islice(search.runs(client, experiment_id, "", search.NEWEST_FIRST), _MAX_SEARCHED)
    return sorted({run.data.tags["kind"] for run in newest if "kind" in run.data.tags})


def samples(uri: str, run_ids: Iterable[str]) -> "list[NDArray[np.float64]]":
    """Return the timed batches of each run in ms, arrays of shape ``(iterations,)``.

    Raises:
        MlflowException, OSError: a run has no samples, or the store refused.
    """
    import numpy as np
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found: list[NDArray[np.float64]] = []
    for run_id in run_ids:
        with scratch.folder() as folder:
            path = Path(client.download_artifacts(run_id, "samples.json", str(folder)))
            content = json.loads(path.read_text(encoding="utf-8"))
        found.append(np.asarray(content["samples_ms"], dtype=np.float64))
    return found


def curve(client: "MlflowClient", run_id: str) -> "pd.DataFrame":
    """Return a curve's points: ``batch_size`` and a column for each metric.

    Raises:
        MlflowException: the store refused.
    """
    import pandas as pd

    names = sorted(client.get_run(run_id).data.metrics)
    histories = {name: client.get_metric_history(run_id, name) for name in names}
    columns = {name: {one.step: one.value for one in history} for name, history in histories.items()}
    return pd.DataFrame(columns).rename_axis("batch_size").sort_index().reset_index()


def _row(run: "Run", column_of: Callable[[str], str | None]) -> dict[str, object]:
    row: dict[str, object] = {
        "run_id": run.info.run_id,
        "run_name": run.info.run_name,
        "status": run.info.status,
        "start_time": run.info.start_time,
        "duration_s": None if run.info.end_time is None else (run.info.end_time - run.info.start_time) / 1000,
    }
    for items in (run.data.params, run.data.tags, run.data.metrics):
        named = {column_of(key): items[key] for key in sorted(items)}
        row |= {name: value for name, value in named.items() if name is not None}
    return row
