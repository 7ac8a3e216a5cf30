"""Which runs an analysis uses, and what is left out and why."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from perfexp.errors import ConfigError

CELL = ["model", "backend", "batch_size"]
_LEFT_OUT = ["run_id", *CELL, "reason"]
_VARIANTS = (
    ("model", "source", " ({})"),
    ("model", "effective_input_size", " @{}"),
    ("backend", "precision", " {}"),
    ("backend", "device", " {}"),
    ("backend", "effective_threads", " {} threads"),
    ("backend", "effective_heap", " heap {}"),
)
"""What else decides a number: where a model or backend comes in several, its name says which."""
_NAMED = 4
_TAINTED = "the measurement was tainted by other load"
_INEXACT = "its outputs differ from the reference beyond the tolerance"


@dataclass(frozen=True)
class Selection:
    """One row a cell, and the runs that are not among them.

    Attributes:
        cells: all columns of the runs, with ``latency_ms``, the one that is analysed: the median
            of a measured cell, the mean of a published one. ``model``, ``family`` and ``backend``
            are plain text.
        left_out: ``run_id, model, backend, batch_size, reason``.
        labels: model to the name that charts show.
    """

    cells: pd.DataFrame
    left_out: pd.DataFrame
    labels: Mapping[str, str]


def select(
    runs: pd.DataFrame, allow_mixed: bool, allow_tainted: bool = False, allow_inexact: bool = False
) -> Selection:
    """Choose the sound, newest run of each cell.

    Args:
        runs: as :func:`perfexp.load_runs` gives them, failed ones included.
        allow_mixed: analyse runs of several hosts or versions as one.
        allow_tainted: use measurements that other load disturbed.
        allow_inexact: use runs whose outputs are beyond the tolerance of their precision.

    Raises:
        ConfigError: hosts or versions are mixed, or no run is left.
    """
    runs = _variants(_plain(runs))
    forgiven = {_TAINTED: allow_tainted, _INEXACT: allow_inexact}
    reasons = _reasons(runs).map(lambda reason: "" if forgiven.get(reason) else reason)
    sound = runs[reasons == ""]
    if not allow_mixed:
        _refuse_mixture(sound)
    newest = sound.sort_values("start_time", kind="stable").drop_duplicates(CELL, keep="last")
    reasons[sound.index.difference(newest.index)] = "a newer run of the same cell is used"
    left_out = runs.assign(reason=reasons)[reasons != ""]
    if newest.empty:
        counts = ", ".join(f"{n} × {why}" for why, n in left_out["reason"].value_counts().head(3).items())
        raise ConfigError(
            f"None of {len(runs)} runs can be analysed ({counts}); measure or import others, or give "
            "allow_tainted=true or allow_inexact=true to use such runs all the same."
        )
    cells = newest.sort_values(CELL, ignore_index=True)
    labels = dict(zip(cells["model"], _labels(cells), strict=True))
    return Selection(cells, left_out.reindex(columns=_LEFT_OUT).reset_index(drop=True), labels)


def _plain(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with text for names, every needed column, and the latency to analyse."""
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


def _column(runs: pd.DataFrame, name: str) -> "pd.Series[str]":
    """A column, or one without values where the runs have none of the name."""
    return runs.get(name, pd.Series(np.nan, index=runs.index)).astype("object")


def _variants(runs: pd.DataFrame) -> pd.DataFrame:
    """Tell apart by name what would else be one cell measured twice."""
    own = {"model": runs["model"].copy(), "backend": runs["backend"].copy()}
    for name, setting, suffix in _VARIANTS:
        values = _column(runs, setting)
        told = values.notna() & (values.groupby(own[name]).transform("nunique") > 1)
        added = values[told].map(lambda value, suffix=suffix: suffix.format(_short(value)))
        for column in (name, "display_name") if name == "model" else (name,):
            runs.loc[told, column] = runs.loc[told, column] + added
    return runs


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _reasons(runs: pd.DataFrame) -> "pd.Series[str]":
    """Why each run is left out; empty where it is not. The first reason that holds is given."""
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
    """Numbers of other hosts, versions or tables must not be fitted as one."""
    for column in [c for c in map(str, runs) if c == "host" or c.startswith("version_")]:
        _refuse(column, runs[column].dropna().astype(str).unique())
    for backend, own in runs.groupby("backend"):
        for column in own.columns.intersection(["kind", "published_in"]).astype(str):
            _refuse(f"{column} of {backend}", own[column].dropna().astype(str).unique())


def _refuse(what: str, values: "np.ndarray[tuple[int], np.dtype[np.object_]]") -> None:
    if len(values) < 2:
        return
    named = ", ".join(sorted(map(str, values))[:_NAMED]) + (", …" if len(values) > _NAMED else "")
    first = sorted(map(str, values))[0]
    raise ConfigError(
        f"The runs differ in {what} ({named}) and cannot be compared as they are; choose some with "
        f"where= or sweep= (as in where=\"{what.split()[0]} == '{first}'\"), or give allow_mixed=true."
    )


def _labels(cells: pd.DataFrame) -> "pd.Series[str]":
    """Display names, or the model's own name where two models share one."""
    names = cells.drop_duplicates("model")["display_name"]
    shared = set(names[names.duplicated(keep=False)])
    return cells["display_name"].where(~cells["display_name"].isin(shared), cells["model"])
