"""What predictions are worth: every cell predicted without itself, by three schemes.

``model``: the model and its twins left out. ``family``: its family left out. ``batch``: the
largest batch sizes of its own curve left out.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from perfexp.analysis.prediction import batches, conformal, held_out, support, twins
from perfexp.analysis.prediction.predictor import FEWEST_GROUPS, choose, fold

COLUMNS = [
    "scheme", "model", "family", "backend", "batch_size", "measured_ms", "predicted_ms", "low_ms", "high_ms",
    "in_support",
]  # fmt: skip
FEWEST_MODELS = 6
_SUPPORT_FOLDS = 20


def validate(cells: pd.DataFrame, coverage: float, seed: int, tell: Callable[[str], None]) -> pd.DataFrame:
    """One row a held-out cell, with the columns of :data:`COLUMNS`.

    Args:
        cells: features and totals, ``model, family, backend, batch_size, latency_ms``.
        coverage: of the intervals, a share.
        seed: of what is drawn at random.
        tell: is told what is done, and what cannot be.
    """
    parts = []
    for backend, own in cells.groupby("backend", observed=True):
        own = own.reset_index(drop=True)
        parts.append(_batches(own, coverage))
        for scheme, groups in (("model", twins.groups(own)), ("family", own["family"].to_numpy(str))):
            count = len(np.unique(groups))
            if own["model"].nunique() < FEWEST_MODELS or count < FEWEST_GROUPS + 1:
                tell(
                    f"{backend}: {own['model'].nunique()} models of {count} groups are too few to leave a "
                    f"{scheme} out; it takes {FEWEST_MODELS} models and {FEWEST_GROUPS + 1} groups."
                )
                continue
            if count <= conformal.fewest_groups(coverage):
                tell(f"{backend}: {count} groups of {scheme!r} are too few to promise {coverage:.0%}.")
            parts.append(_groups(own, scheme, groups, coverage, seed))
            tell(f"{backend}: {scheme} held out, {len(own)} cells.")
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def _groups(
    cells: pd.DataFrame,
    scheme: str,
    groups: "np.ndarray[tuple[int], np.dtype[np.str_]]",
    coverage: float,
    seed: int,
) -> pd.DataFrame:
    found = held_out.predict(cells, groups, choose(cells, groups, seed), seed)
    inside = np.empty(len(cells), dtype=bool)
    folds = fold(groups, _SUPPORT_FOLDS)
    for left_out in np.unique(folds):
        test = folds == left_out
        inside[test] = support.learn(cells[~test]).holds(cells[test])
    return _rows(scheme, cells, found.predicted_ms, found.reach(coverage), inside)


def _batches(cells: pd.DataFrame, coverage: float) -> pd.DataFrame:
    held = batches.leave_largest(cells)
    outside = np.zeros(len(held), dtype=bool)
    return _rows("batch", held, held["predicted_ms"].to_numpy(float), batches.reach(held, coverage), outside)


def _rows(
    scheme: str,
    cells: pd.DataFrame,
    predicted: conformal.Array,
    reach: conformal.Array,
    inside: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
) -> pd.DataFrame:
    low, high = conformal.interval(predicted, reach)
    return cells.assign(
        scheme=scheme,
        measured_ms=cells["latency_ms"],
        predicted_ms=predicted,
        low_ms=low,
        high_ms=high,
        in_support=inside,
    )[COLUMNS]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Errors by backend and scheme: ``cells, median_ape, mape, coverage``, all but the first in percent."""
    inside = table["measured_ms"].between(table["low_ms"], table["high_ms"])
    error = 100 * (table["predicted_ms"] / table["measured_ms"] - 1).abs()
    groups = table.assign(error=error, inside=100.0 * inside).groupby(["backend", "scheme"], observed=True)
    return groups.agg(
        cells=("error", "size"),
        median_ape=("error", "median"),
        mape=("error", "mean"),
        coverage=("inside", "mean"),
    ).reset_index()
