"""Reads runs from MLflow's tables, column by column: a hundred times faster than run by run."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perfexp.database import transaction

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection, Select

_ROWS_AT_ONCE = 50_000
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
    from sqlalchemy import case, select

    ids = chosen.with_only_columns(chosen.selected_columns.run_uuid).scalar_subquery()
    for table in (SqlParam, SqlTag, SqlLatestMetric):
        names = {key: column_of(key) for key in connection.scalars(select(table.key).distinct())}
        wanted = {key: name for key, name in names.items() if name is not None}
        value = table.value if table is not SqlLatestMetric else case((table.is_nan, None), else_=table.value)
        query = select(table.key, table.run_uuid, value).where(table.key.in_(wanted), table.run_uuid.in_(ids))
        for rows in connection.execute(query.order_by(table.key)).partitions(_ROWS_AT_ONCE):
            for key, run_id, found in rows:
                if run_id not in places:  # written since the runs were listed
                    continue
                if wanted[key] not in columns:
                    columns[wanted[key]] = np.full(len(places), None, dtype=object)
                columns[wanted[key]][places[run_id]] = found
