"""Reads runs from MLflow's tables, column by column: a hundred times faster than run by run."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perfexp.database import transaction

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection, Select

Column = NDArray[np.object_]


def read(
    uri: str,
    experiment_id: str,
    tags: Mapping[str, Collection[str]],
    status: str | None,
    column_of: Callable[[str], str | None],
) -> "pd.DataFrame | None":
    """One row a run, newest first, with its columns as MLflow stores them.

    Args:
        uri: the store.
        experiment_id: of the experiment whose runs are read.
        tags: only runs that have one of these values in each of these tags.
        status: only runs of this status; None for all.
        column_of: the column that a parameter, tag or metric goes to; None leaves it unread.

    Returns:
        None where the tables cannot be read directly.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database cannot be read.
    """
    import pandas as pd

    with transaction(uri) as connection:
        if connection is None:
            return None
        chosen = _chosen(experiment_id, tags, status)
        runs = connection.execute(chosen.order_by(*_newest_first())).all()
        ids = [run.run_uuid for run in runs]
        columns: dict[str, Column | list[object]] = {
            "run_id": ids,
            "status": [run.status for run in runs],
            "start_time": [run.start_time for run in runs],
        }
        places = {run_id: place for place, run_id in enumerate(ids)}
        _fill(connection, chosen, places, column_of, columns)
    return pd.DataFrame({name: pd.Series(values).infer_objects() for name, values in columns.items()})


def _chosen(experiment_id: str, tags: Mapping[str, Collection[str]], status: str | None) -> "Select[object]":
    from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
    from sqlalchemy import select

    query = select(SqlRun.run_uuid, SqlRun.status, SqlRun.start_time).where(
        SqlRun.experiment_id == int(experiment_id), SqlRun.lifecycle_stage == "active"
    )
    if status:
        query = query.where(SqlRun.status == status)
    for key, values in tags.items():
        having = select(SqlTag.run_uuid).where(SqlTag.key == key, SqlTag.value.in_(values))
        query = query.where(SqlRun.run_uuid.in_(having))
    return query


def _newest_first() -> "Sequence[object]":
    from mlflow.store.tracking.dbmodels.models import SqlRun

    return SqlRun.start_time.desc(), SqlRun.run_uuid


def _fill(
    connection: "Connection",
    chosen: "Select[object]",
    places: dict[str, int],
    column_of: Callable[[str], str | None],
    columns: "dict[str, Column | list[object]]",
) -> None:
    """Parameters, then tags, then metrics: where two share a column, the later one holds."""
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlParam, SqlTag
    from sqlalchemy import select

    wanted = chosen.with_only_columns(chosen.selected_columns.run_uuid).scalar_subquery()
    for table in (SqlParam, SqlTag, SqlLatestMetric):
        is_metric = table is SqlLatestMetric
        of_runs = table.run_uuid.in_(wanted)
        for key in sorted(connection.scalars(select(table.key).where(of_runs).distinct())):
            name = column_of(key)
            if name is None:
                continue
            value = (table.value, table.is_nan) if is_metric else (table.value,)
            rows = connection.execute(select(table.run_uuid, *value).where(table.key == key, of_runs))
            column = columns.setdefault(name, np.full(len(places), None, dtype=object))
            for run_id, text, *is_nan in rows:
                if run_id in places:
                    column[places[run_id]] = float("nan") if is_nan and is_nan[0] else text
