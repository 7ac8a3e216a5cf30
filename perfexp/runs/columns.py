"""Convert the columns of runs from text to types, and add derived ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from perfexp.errors import ConfigError, nearest
from perfexp.metrics import INTEGER_METRICS, METRICS
from perfexp.records import OUTCOME_TAGS

if TYPE_CHECKING:
    import pandas as pd

_FIRST = ["run_id", "run_name", "status", "start_time", "duration_s"]
CORE = (
    *("kind", "model", "display_name", "family", "source", "backend", "device", "precision", "batch_size"),
    *("effective_input_size", "effective_threads", "weights", "axes", "sweep", "sweep_id", "host"),
    *("latency_p50_ms", "latency_p50_low_ms", "latency_p50_high_ms", "latency_mean_ms"),
    *("latency_per_image_ms", "throughput_images_per_s", "memory_peak_mb"),
    *("published_top1", "published_top5", "top1", "top5", "params", "macs"),
    *("verdict", "taint", "parity", "reason"),
)
"""The columns that every frame begins with: identity, headline numbers, accuracy, verdict."""
_CATEGORIES = (
    "model", "display_name", "family", "source", "backend", "device", "precision", "status",
    "weights", "host", "cpu", "sweep", "sweep_id", "kind", "published_in", "dataset",
)  # fmt: skip
_INTEGERS = INTEGER_METRICS | {"batch_size", "effective_input_size", "seed"}
FIRST_BACKENDS = {"null": "fake"}
"""Today's names of backends in stores that were written before they were renamed."""


def typed(frame: "pd.DataFrame", asked: Sequence[str] | None) -> "pd.DataFrame":
    """Return the columns as numbers, booleans, times and categories, in a fixed order.

    Args:
        frame: as :func:`perfexp.runs.sql.read` returns it.
        asked: columns that are there even if no run has a value; None: those of CORE in an empty frame.

    Raises:
        ConfigError: no run has a column asked for, and none could.
    """
    import pandas as pd

    _require_known(frame, asked)
    wanted = [*_FIRST, *(asked or CORE)]
    names = [name for name in wanted if name in frame or asked or frame.empty]
    names = list(dict.fromkeys([*names, *sorted(frame.columns.difference(wanted))]))
    absent = pd.Series(None, index=frame.index, dtype=object)
    return pd.DataFrame({name: _typed(frame.get(name, absent.rename(name))) for name in names})


def _require_known(frame: "pd.DataFrame", asked: Sequence[str] | None) -> None:
    known = {*_FIRST, *CORE, *METRICS, *OUTCOME_TAGS, *frame.columns}
    unknown = [name for name in asked or () if name not in known]
    if unknown and len(frame):
        raise ConfigError(
            f"No run has the column {unknown[0]!r}: {nearest(unknown[0], known)}; name one that there is."
        )


def _typed(column: "pd.Series[Any]") -> "pd.Series[Any]":
    import pandas as pd

    if column.name == "run_id":
        return column
    if column.name == "start_time":
        return pd.to_datetime(column, unit="ms", utc=True)
    if column.name in METRICS and column.isna().all():
        return column.astype("float64")
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
