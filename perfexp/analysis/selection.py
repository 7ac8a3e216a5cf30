"""Select the runs and the evaluations that an analysis uses, and say what is left out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from perfexp.analysis import axes
from perfexp.analysis.names import listed
from perfexp.errors import ConfigError
from perfexp.records import as_text, titled

CELL = ["model", "backend", "batch_size"]
_LEFT_OUT = ["run_id", *CELL, "reason"]
_VARIANTS = (
    ("model", "source", " ({})"),
    ("model", "effective_input_size", " @{}"),
    ("backend", "precision", " {}"),
    ("backend", "device", " {}"),
    ("backend", "effective_threads", " {} threads"),
    ("backend", "effective_heap", " heap {}"),
    ("backend", "other_axes", " {}"),
)
"""Settings that also decide a number: where they differ, they are added to the model's or backend's name."""
_TOLD = {
    "input_size",
    "backend.precision",
    "backend.device",
    "backend.threads",
    "backend.heap",
    "model.source",
}
"""Swept keys that these settings tell."""
_NAMED = 4
_ENDS = ("low", "high")
_TAINTED = "the measurement was tainted by other load"
_INEXACT = "its outputs differ from the reference beyond the tolerance"


@dataclass(frozen=True)
class Selection:
    """The selected cells, one row each, and the runs that were left out.

    Attributes:
        cells: all columns of the runs, ``latency_ms``, which is analysed (the median of a measured
            cell, the mean of a published one), and its ``weight`` in fits. ``model``, ``family`` and
            ``backend`` are plain text.
        left_out: ``run_id, model, backend, batch_size, reason``.
        labels: model to the name that charts show.
    """

    cells: pd.DataFrame
    left_out: pd.DataFrame
    labels: Mapping[str, str]


def select(
    runs: pd.DataFrame, allow_mixed: bool, allow_tainted: bool = True, allow_inexact: bool = False
) -> Selection:
    """Select the newest sound run of each cell, a clean one where there is one.

    Args:
        runs: as returned by :func:`perfexp.load_runs`, failed ones included.
        allow_mixed: analyse runs of several hosts or versions as one.
        allow_tainted: use measurements that other load disturbed; their intervals are wider.
        allow_inexact: use runs whose outputs are beyond the tolerance of their precision.

    Raises:
        ConfigError: the runs mix hosts or versions, or none is left.
    """
    runs = _variants(_plain(runs))
    forgiven = {_TAINTED: allow_tainted, _INEXACT: allow_inexact}
    reasons = _reasons(runs).map(lambda reason: "" if forgiven.get(reason) else reason)
    sound = runs[reasons == ""]
    if not allow_mixed:
        _refuse_mixture(sound)
    clean = _column(sound, "verdict") != "tainted"
    best_last = sound.assign(clean=clean).sort_values(["clean", "start_time"], kind="stable")
    newest = best_last.drop(columns="clean").drop_duplicates(CELL, keep="last")
    reasons[sound.index.difference(newest.index)] = "a newer or cleaner run of the same cell is used"
    left_out = runs.assign(reason=reasons)[reasons != ""]
    if newest.empty:
        counts = ", ".join(f"{n} × {why}" for why, n in left_out["reason"].value_counts().head(3).items())
        raise ConfigError(
            f"None of {len(runs)} runs can be analysed ({counts}); measure or import others, or give "
            "allow_tainted=true or allow_inexact=true to use such runs."
        )
    cells = newest.sort_values(CELL, ignore_index=True)
    cells = cells.assign(weight=_weights(cells))
    labels = dict(zip(cells["model"], _labels(cells), strict=True))
    return Selection(cells, left_out.reindex(columns=_LEFT_OUT).reset_index(drop=True), labels)


def _plain(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with names as text, all needed columns, and the latency to analyse."""
    runs = runs.reset_index(drop=True)
    for column in ("family", "display_name"):
        runs[column] = _column(runs, column).fillna("")
    for column in ("model", "backend", "family", "display_name"):
        runs[column] = runs[column].astype(str)
    runs["family"] = runs["family"].where(runs["family"] != "", runs["model"])
    runs["display_name"] = runs["display_name"].where(runs["display_name"] != "", runs["model"])
    median, mean = (pd.to_numeric(_column(runs, f"latency_{n}_ms"), errors="coerce") for n in ("p50", "mean"))
    published = _column(runs, "kind") == "published"
    runs["latency_ms"] = median.where(~published, mean).astype(float)
    runs["batch_size"] = pd.to_numeric(runs["batch_size"], errors="coerce")
    return runs


def _weights(cells: pd.DataFrame) -> "pd.Series[float]":
    """Return how much each cell counts: 1, or less where its interval is wider than the median one."""
    low, high = (pd.to_numeric(_column(cells, f"latency_p50_{end}_ms"), errors="coerce") for end in _ENDS)
    width = ((high - low) / cells["latency_ms"]).where(high > low)
    return (width.median() / width).clip(upper=1.0).fillna(1.0).astype(float)


def _column(runs: pd.DataFrame, name: str) -> "pd.Series[str]":
    """Return a column, or one of NaN where the runs have none of that name."""
    return runs.get(name, pd.Series(np.nan, index=runs.index)).astype("object")


def _variants(runs: pd.DataFrame) -> pd.DataFrame:
    """Add to names the settings that would otherwise make two different cells one."""
    names = {"model": runs["model"].copy(), "backend": runs["backend"].copy()}
    runs = runs.assign(named_model=names["model"], named_backend=names["backend"], other_axes=_others(runs))
    for name, setting, suffix in _VARIANTS:
        values = _column(runs, setting)
        distinct = values.notna() & (values.groupby(names[name]).transform("nunique") > 1)
        added = values[distinct].map(lambda value, suffix=suffix: suffix.format(_short(value)))
        for column in (name, "display_name") if name == "model" else (name,):
            runs.loc[distinct, column] = runs.loc[distinct, column] + added
    return runs


def _others(runs: pd.DataFrame) -> "pd.Series[str]":
    """Return each run's values of swept keys that no other setting tells; missing where there are none."""
    rests = [{k: text for k, text in row.items() if k not in _TOLD} for row in axes.of(runs)]
    told = [titled("", rest).strip() for rest in rests]
    if len(set(told)) < len({as_text(rest) for rest in rests}):  # two files of one name, say
        told = [" ".join(f"{key}={value}" for key, value in rest.items()) for rest in rests]
    return pd.Series([text or np.nan for text in told], index=runs.index, dtype=object)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _reasons(runs: pd.DataFrame) -> "pd.Series[str]":
    """Return the first reason that applies to each run; empty where it is used."""
    checks = (
        (_column(runs, "status") != "FINISHED", "the cell failed"),
        (~(runs["batch_size"] >= 1), "its batch size is missing"),
        (runs["latency_ms"].isna(), "it has no latency"),
        (~(runs["latency_ms"] > 0) | (runs["latency_ms"] > 1e300), "its latency is not a positive number"),
        (_column(runs, "parity") == "beyond tolerance", _INEXACT),
        (_column(runs, "verdict") == "tainted", _TAINTED),
    )
    reasons = pd.Series("", index=runs.index)
    for holds, reason in reversed(checks):
        reasons[holds.fillna(False).astype(bool)] = reason
    return reasons


def _refuse_mixture(runs: pd.DataFrame) -> None:
    """Raise ConfigError where runs of several hosts, versions or tables would be analysed as one."""
    for column in [c for c in map(str, runs) if c == "host" or c.startswith("version_")]:
        _refuse(column, runs[column].dropna().astype(str).unique())
    for backend, part in runs.groupby("backend"):
        for column in part.columns.intersection(["kind", "published_in"]).astype(str):
            _refuse(f"{column} of {backend}", part[column].dropna().astype(str).unique())


def _refuse(what: str, values: "np.ndarray[tuple[int], np.dtype[np.object_]]") -> None:
    if len(values) < 2:
        return
    found = sorted(map(str, values))
    raise ConfigError(
        f"The runs differ in {what} ({listed(found, _NAMED)}) and cannot be compared; choose some with "
        f"where= or sweep= (as in where=\"{what.split()[0]} == '{found[0]}'\"), or give allow_mixed=true."
    )


def _labels(cells: pd.DataFrame) -> "pd.Series[str]":
    """Return display names, or the model's name where two models share a display name."""
    names = cells.drop_duplicates("model")["display_name"]
    shared = set(names[names.duplicated(keep=False)])
    return cells["display_name"].where(~cells["display_name"].isin(shared), cells["model"])
