"""Convert the columns of runs from text to types, and add derived ones."""

from typing import TYPE_CHECKING, Any

from perfexp.metrics import INTEGER_METRICS

if TYPE_CHECKING:
    import pandas as pd

_FIRST = ["run_id", "status", "start_time"]
_CATEGORIES = (
    "model", "display_name", "family", "source", "backend", "device", "precision", "status",
    "weights", "host", "cpu", "sweep", "sweep_id", "kind", "published_in", "dataset",
)  # fmt: skip
_INTEGERS = INTEGER_METRICS | {"batch_size", "effective_input_size", "seed"}
FIRST_BACKENDS = {"null": "fake"}
"""Today's names of backends in stores that were written before they were renamed."""


def typed(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the columns as numbers, booleans, times and categories, in a fixed order."""
    import pandas as pd

    if frame.empty:
        return pd.DataFrame()
    columns = {name: _typed(frame[name]) for name in [*_FIRST, *sorted(frame.columns.difference(_FIRST))]}
    return pd.DataFrame(columns)


def _typed(column: "pd.Series[Any]") -> "pd.Series[Any]":
    import pandas as pd

    if column.name == "run_id":
        return column
    if column.name == "start_time":
        return pd.to_datetime(column, unit="ms", utc=True)
    if pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column):
        column = column.where(column != "None", None)
        column = column.replace(FIRST_BACKENDS) if column.name == "backend" else column
        column = column.astype("category") if column.name in _CATEGORIES else _as_numbers(column)
    return column.astype("int64") if column.name in _INTEGERS and column.notna().all() else column


def _as_numbers(column: "pd.Series[str]") -> "pd.Series[float] | pd.Series[str] | pd.Series[bool]":
    import pandas as pd

    if set(column.dropna().unique()) <= {"True", "False"} and column.notna().all():
        return column == "True"
    try:
        return pd.to_numeric(column)
    except (ValueError, TypeError):
        return column
