"""Write many runs in a few statements, into the tables that MLflow's client would fill."""

import math
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from perfexp.store import origin
from perfexp.store.database import transaction
from perfexp.store.run_data import PARAM_LIMIT, TAG_LIMIT, RunData

if TYPE_CHECKING:
    from sqlalchemy import Connection

Values = dict[str, object]
_RUNS_AT_ONCE = 2000


def write(uri: str, experiment_id: str, runs: Sequence[RunData]) -> list[str] | None:
    """Write finished runs without artifacts and with one step a metric, all or none; return their ids.

    Returns:
        None if the store's tables may not be written directly: use the client.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database refused; no run was written.
    """
    with transaction(uri) as connection:
        if connection is None:
            return None
        root = _artifact_root(connection, experiment_id)
        ids = [uuid.uuid4().hex for _ in runs]
        for start in range(0, len(runs), _RUNS_AT_ONCE):
            part = slice(start, start + _RUNS_AT_ONCE)
            _insert(connection, experiment_id, root, list(zip(ids[part], runs[part], strict=True)))
    return ids


def _artifact_root(connection: "Connection", experiment_id: str) -> str:
    from mlflow.store.tracking.dbmodels.models import SqlExperiment
    from sqlalchemy import select

    place = select(SqlExperiment.artifact_location).where(SqlExperiment.experiment_id == int(experiment_id))
    return str(connection.execute(place).scalar_one())


def _insert(
    connection: "Connection", experiment_id: str, root: str, runs: Sequence[tuple[str, RunData]]
) -> None:
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, MLFLOW_USER
    from sqlalchemy import insert

    now, written_by = int(time.time() * 1000), origin.tags()
    user = written_by[MLFLOW_USER]
    shared: Values = {"experiment_id": int(experiment_id), "user_id": user, "end_time": now}
    heads = [_run(run_id, run, root) | shared for run_id, run in runs]
    metrics = [
        {
            **{"run_uuid": run_id, "key": key, "step": step, "timestamp": now},
            # MLflow stores NaN as a flag.
            **{"value": 0.0 if math.isnan(value) else value, "is_nan": math.isnan(value)},
        }
        for run_id, run in runs
        for key, value, step in run.metrics
    ]
    params = [_pair(run_id, k, v[:PARAM_LIMIT]) for run_id, run in runs for k, v in run.params.items()]
    tags = [
        _pair(run_id, k, v[:TAG_LIMIT])
        for run_id, run in runs
        for k, v in {**written_by, MLFLOW_RUN_NAME: run.name, **run.tags}.items()
    ]
    tables = (SqlRun, SqlParam, SqlTag, SqlMetric, SqlLatestMetric)
    for table, values in zip(tables, (heads, params, tags, metrics, metrics), strict=True):
        if values:
            connection.execute(insert(table), values)


def _run(run_id: str, run: RunData, root: str) -> Values:
    return {
        "run_uuid": run_id,
        "name": run.name,
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "source_version": "",
        "status": run.status,
        "start_time": run.started_ms,
        "lifecycle_stage": "active",
        "artifact_uri": f"{root}/{run_id}/artifacts",
    }


def _pair(run_id: str, key: str, value: str) -> Values:
    return {"run_uuid": run_id, "key": key, "value": value}
