"""What predictions are worth: every cell predicted without itself, by three schemes.

``model``: the model and its twins left out. ``family``: its family left out. ``batch``: the
largest batch sizes of its own curve left out.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.prediction.model import batch_size, conformal, domain, duplicates, held_out
from perfexp.prediction.model.backend_model import MIN_MODELS, Question, question, quiet
from perfexp.prediction.model.ensemble import MIN_GROUPS, fold

COLUMNS = [
    "scheme", "model", "family", "backend", "batch_size", "measured_ms", "predicted_ms", "low_ms", "high_ms",
    "in_support",
]  # fmt: skip
Validated = tuple[pd.DataFrame, dict[str, dict[str, Question]]]
_SUPPORT_FOLDS = 20


def validate(
    cells: pd.DataFrame,
    coverage: float,
    seed: int,
    tell: Callable[[str], None],
    progress: Callable[[str, int], Callable[[], None]] = quiet,
) -> Validated:
    """Leave out models, families and batch sizes of every backend.

    Args:
        cells: features and totals, ``model, variant, family, backend, batch_size, latency_ms``.
        coverage: of the intervals, a share.
        seed: of what is drawn at random.
        tell: is told what is done, and what cannot be.
        progress: as in :func:`perfexp.prediction.model.backend_model.learn`.

    Returns:
        One row a held-out cell, with the columns of :data:`COLUMNS`; and by backend the questions
        that were answered, for :func:`perfexp.prediction.model.backend_model.from_questions`.
    """
    parts = [pd.DataFrame(columns=COLUMNS)]
    questions: dict[str, dict[str, Question]] = {}
    for backend, own in cells.groupby("backend", observed=True):
        own = own.reset_index(drop=True)
        parts.append(_batches(own, coverage))
        asked = questions.setdefault(str(backend), {})
        grouped = {"model": ("known", duplicates.groups(own)), "family": ("new", own["family"].to_numpy(str))}
        for scheme, (name, groups) in grouped.items():
            reason = _too_few(own, groups, scheme)
            tell(f"{backend}: {reason or f'{scheme} held out, {len(own)} cells'}.")
            if reason:
                continue
            if len(np.unique(groups)) <= conformal.fewest_groups(coverage):
                tell(f"{backend}: so few groups of {scheme!r} cannot promise {coverage:.0%}.")
            advance = progress(f"{backend}: {scheme} held out", held_out.rounds(groups))
            part, asked[name] = _groups(own, scheme, groups, coverage, seed, advance)
            parts.append(part)
    filled = [part for part in parts if len(part)] or parts
    return pd.concat(filled, ignore_index=True)[COLUMNS], questions


def _too_few(cells: pd.DataFrame, groups: NDArray[np.str_], scheme: str) -> str:
    """Why the scheme cannot be done; empty where it can."""
    models, count = cells["model"].nunique(), len(np.unique(groups))
    if models >= MIN_MODELS and count > MIN_GROUPS:
        return ""
    return (
        f"{models} models of {count} groups are too few to leave a {scheme} out, which takes "
        f"{MIN_MODELS} models and {MIN_GROUPS + 1} groups"
    )


def _groups(
    cells: pd.DataFrame,
    scheme: str,
    groups: NDArray[np.str_],
    coverage: float,
    seed: int,
    advance: Callable[[], None],
) -> tuple[pd.DataFrame, Question]:
    found = held_out.leave_out(cells, groups, seed, advance)
    inside = np.empty(len(cells), dtype=bool)
    folds = fold(groups, _SUPPORT_FOLDS)
    for left_out in np.unique(folds):
        test = folds == left_out
        inside[test] = domain.learn(cells[~test]).holds(cells[test])
    rows = _rows(scheme, cells, found.predict(), found.reach(coverage), inside)
    return rows, question(found)


def _batches(cells: pd.DataFrame, coverage: float) -> pd.DataFrame:
    held = batch_size.leave_largest(cells)
    outside = np.zeros(len(held), dtype=bool)
    return _rows(
        "batch", held, held["predicted_ms"].to_numpy(float), batch_size.reach(held, coverage), outside
    )


def _rows(
    scheme: str,
    cells: pd.DataFrame,
    predicted: conformal.Array,
    reach: conformal.Array,
    inside: NDArray[np.bool_],
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


def summary(table: pd.DataFrame, by: Sequence[str] = ("backend", "scheme")) -> pd.DataFrame:
    """Errors by groups of rows: ``cells, median_ape, mape, coverage``, all but the first in percent."""
    inside = table["measured_ms"].between(table["low_ms"], table["high_ms"])
    error = 100 * (table["predicted_ms"] / table["measured_ms"] - 1).abs()
    groups = table.assign(error=error, inside=100.0 * inside).groupby(list(by), observed=True)
    return groups.agg(
        cells=("error", "size"),
        median_ape=("error", "median"),
        mape=("error", "mean"),
        coverage=("inside", "mean"),
    ).reset_index()
