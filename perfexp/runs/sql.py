"""Read runs from MLflow's tables, column by column: a hundred times faster than run by run."""

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

from perfexp.store.database import transaction

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement, Connection, Select, Table

    Column = NDArray[np.object_] | NDArray[np.float64]

_ROWS_AT_ONCE = 50_000
_LOOK_UP = 8
"""How many times longer it takes to look up a run's values than to scan past them."""
ColumnOf = Callable[[str], str | None]
Accepted = Mapping[str, Collection[str]]


def read(
    uri: str,
    experiment_id: str,
    tags: Accepted,
    status: str | None,
    column_of: ColumnOf,
    texts: Accepted = MappingProxyType({}),
) -> "pd.DataFrame | None":
    """Return one row a run, newest first, with values as MLflow stores them.

    Args:
        uri: the store.
        experiment_id: of the experiment whose runs are read.
        tags: only runs that have one of these values in each of these tags.
        status: only runs of this status; None for all.
        column_of: the column of a parameter, tag or metric; None leaves it unread.
        texts: only runs that have one of these texts in each of these columns; if a parameter
            and a tag share a column, either of them may have it.

    Returns:
        None if the tables cannot be read directly.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database cannot be read.
    """
    import pandas as pd
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlParam, SqlTag

    with transaction(uri) as connection:
        if connection is None:
            return None
        tables = [each.__table__ for each in (SqlParam, SqlTag, SqlLatestMetric)]
        families = {table: _named(connection, table, column_of) for table in tables}
        query = _runs(experiment_id, tags, status)
        for column, values in texts.items():
            query = query.where(_has_text(families, column, values))
        chosen = _numbered(connection, query)
        columns = _heads(connection, chosen)
        with _without_collection():
            for family, named in families.items():  # if two share a column, the later one wins
                if named:
                    _fill(connection, chosen, family, named, columns)
    return pd.DataFrame(columns)


def _named(connection: "Connection", family: "Table", column_of: ColumnOf) -> dict[str, str]:
    """Return the column of each key that is read; the keys are found by steps through the index."""
    from sqlalchemy import func, select

    least = func.min(family.c.key)
    keys = select(least.label("key")).cte(recursive=True)
    following = select(least).where(family.c.key > keys.c.key).scalar_subquery()
    keys = keys.union_all(select(following).where(keys.c.key.is_not(None)))
    found = connection.scalars(select(keys.c.key).where(keys.c.key.is_not(None)))
    named = {key: column_of(key) for key in found}
    return {key: name for key, name in named.items() if name is not None}


def _runs(experiment_id: str, tags: Accepted, status: str | None) -> "Select[object]":
    from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
    from sqlalchemy import func, select

    newest_first = func.row_number().over(order_by=(SqlRun.start_time.desc(), SqlRun.run_uuid))
    query = select(SqlRun.run_uuid, newest_first - 1).where(
        SqlRun.experiment_id == int(experiment_id), SqlRun.lifecycle_stage == "active"
    )
    if status:
        query = query.where(SqlRun.status == status)
    for key, values in tags.items():
        query = query.where(_has(SqlTag.__table__, [key], values))
    return query


def _has(family: "Table", keys: Sequence[str], values: Collection[str]) -> "ColumnElement[bool]":
    from mlflow.store.tracking.dbmodels.models import SqlRun
    from sqlalchemy import select

    return SqlRun.run_uuid.in_(
        select(family.c.run_uuid).where(family.c.key.in_(keys), family.c.value.in_(values))
    )


def _has_text(
    families: Mapping["Table", Mapping[str, str]], column: str, values: Collection[str]
) -> "ColumnElement[bool]":
    """Return the condition; it holds for all runs if the column has no text, or may be a metric."""
    from sqlalchemy import or_, true

    *texts, metrics = (
        (family, [key for key, name in named.items() if name == column]) for family, named in families.items()
    )
    terms = [_has(family, keys, values) for family, keys in texts if keys]
    return or_(*terms) if terms and not metrics[1] else true()


def _numbered(connection: "Connection", runs: "Select[object]") -> "Table":
    """Create a temporary table of the runs and their places in the frame."""
    from sqlalchemy import Column, Integer, MetaData, String, Table, insert, text

    chosen = Table(
        "perfexp_chosen",
        MetaData(),
        Column("run_uuid", String(32), primary_key=True),
        Column("place", Integer),
        prefixes=["TEMPORARY"],
    )
    chosen.create(connection)
    connection.execute(insert(chosen).from_select(["run_uuid", "place"], runs))
    connection.execute(text("ANALYZE perfexp_chosen"))
    return chosen


def _heads(connection: "Connection", chosen: "Table") -> dict[str, "Column"]:
    import numpy as np
    from mlflow.store.tracking.dbmodels.models import SqlRun
    from sqlalchemy import select

    seconds = (SqlRun.end_time - SqlRun.start_time) / 1000.0
    query = select(SqlRun.run_uuid, SqlRun.name, SqlRun.status, SqlRun.start_time, seconds)
    query = query.join(chosen, chosen.c.run_uuid == SqlRun.run_uuid).order_by(chosen.c.place)
    heads = connection.execute(query).all()
    names = ("run_id", "run_name", "status", "start_time", "duration_s")
    return {name: np.array([head[i] for head in heads], dtype=object) for i, name in enumerate(names)}


def _fill(
    connection: "Connection",
    chosen: "Table",
    family: "Table",
    named: Mapping[str, str],
    columns: dict[str, "Column"],
) -> None:
    """Write the table's values into their columns, each created at its first value."""
    import numpy as np
    import pandas as pd
    from sqlalchemy import Float

    count, is_number = len(columns["run_id"]), isinstance(family.c.value.type, Float)
    query = _query(chosen, family, named, _is_most(connection, count))
    streamed = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
    for rows in streamed.partitions():
        keys, at_places, texts = zip(*rows, strict=True)
        codes, found = pd.factorize(np.array(keys, dtype=object))
        places, values = np.array(at_places), np.array(texts, dtype=np.float64 if is_number else object)
        for code, key in enumerate(found):
            at = codes == code
            if named[key] not in columns:
                columns[named[key]] = np.full(count, np.nan if is_number else None, dtype=values.dtype)
            columns[named[key]][places[at]] = values[at]


@contextmanager
def _without_collection() -> Iterator[None]:
    """Suspend garbage collection, which would take most of the time among millions of rows."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _query(
    chosen: "Table", family: "Table", keys: Collection[str], is_most: bool
) -> "Select[tuple[str, int, object]]":
    """Select key, place and value for each chosen run, in one pass over the table if most are chosen.

    SQLite does not know sizes and would look up each key of each run; ``coalesce`` bypasses the index.
    """
    from sqlalchemy import Float, case, func, select

    value, run_id = family.c.value, family.c.run_uuid
    if isinstance(value.type, Float):
        value = case((family.c.is_nan, None), else_=value)
    if is_most:
        run_id = func.coalesce(run_id, "")
    query = select(family.c.key, chosen.c.place, value).join(chosen, chosen.c.run_uuid == run_id)
    return query.where(func.coalesce(family.c.key, "").in_(keys))


def _is_most(connection: "Connection", count: int) -> bool:
    from mlflow.store.tracking.dbmodels.models import SqlRun
    from sqlalchemy import func, select

    return count > (connection.scalar(select(func.count()).select_from(SqlRun)) or 0) / _LOOK_UP
