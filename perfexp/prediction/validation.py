"""Validation: every cell predicted without itself, by three schemes.

``model``: the model and its duplicates are held out. ``family``: its family is held out. ``batch``:
the largest batch sizes of its curve are held out.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perfexp.prediction.model import batch_size, conformal, domain, held_out
from perfexp.prediction.model.backend_model import MIN_MODELS, Progress, Scenario, quiet
from perfexp.prediction.model.ensemble import MIN_GROUPS, fold

COLUMNS = [
    "scheme", "model", "family", "backend", "batch_size", "measured_ms", "predicted_ms", "low_ms", "high_ms",
    "in_domain",
]  # fmt: skip
Validated = tuple[pd.DataFrame, dict[str, dict[str, Scenario]]]
_DOMAIN_FOLDS = 20


def validate(
    cells: pd.DataFrame,
    coverage: float,
    seed: int,
    log: Callable[[str], None],
    progress: Progress = quiet,
) -> Validated:
    """Hold out models, families and batch sizes of every backend.

    Args:
        cells: features and totals, ``model, variant, family, backend, batch_size, latency_ms``.
        coverage: of the intervals, a share.
        seed: of the random draws.
        log: called with a line on what is done, or why it cannot be.
        progress: as in :func:`perfexp.prediction.model.backend_model.learn`.

    Returns:
        One row per held-out cell, with the columns of :data:`COLUMNS`; and by backend the scenarios,
        for :func:`perfexp.prediction.model.backend_model.from_scenarios`.
    """
    parts = [pd.DataFrame(columns=COLUMNS)]
    scenarios: dict[str, dict[str, Scenario]] = {}
    for backend, own in cells.groupby("backend", observed=True):
        own = own.reset_index(drop=True)
        parts.append(_batches(own, coverage))
        found = scenarios.setdefault(str(backend), {})
        grouped = {"model": ("known", domain.duplicates(own)), "family": ("new", own["family"].to_numpy(str))}
        for scheme, (name, groups) in grouped.items():
            reason = _too_few(own, groups, scheme)
            log(f"{backend}: {reason or f'{scheme} held out, {len(own)} cells'}.")
            if reason:
                continue
            if len(np.unique(groups)) <= conformal.min_groups(coverage):
                log(f"{backend}: there are too few groups of {scheme!r} to guarantee {coverage:.0%}.")
            advance = progress(f"{backend}: {scheme} held out", held_out.rounds(groups))
            part, found[name] = _groups(own, scheme, groups, coverage, seed, advance)
            parts.append(part)
    filled = [part for part in parts if len(part)] or parts
    return pd.concat(filled, ignore_index=True)[COLUMNS], scenarios


def _too_few(cells: pd.DataFrame, groups: NDArray[np.str_], scheme: str) -> str:
    """Return why the scheme is impossible; empty where it is not."""
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
) -> tuple[pd.DataFrame, Scenario]:
    found = held_out.leave_out(cells, groups, seed, advance)
    inside = np.empty(len(cells), dtype=bool)
    folds = fold(groups, _DOMAIN_FOLDS)
    for left_out in np.unique(folds):
        test = folds == left_out
        inside[test] = domain.fit(cells[~test]).contains(cells[test])
    held = cells.assign(predicted_ms=found.predict(), in_domain=inside)
    return _rows(scheme, held, found.log_half_width(coverage)), Scenario.of(found)


def _batches(cells: pd.DataFrame, coverage: float) -> pd.DataFrame:
    held = batch_size.leave_largest(cells).assign(in_domain=False)
    return _rows("batch", held, batch_size.log_half_widths(held, coverage))


def _rows(scheme: str, held: pd.DataFrame, log_half_width: conformal.Array) -> pd.DataFrame:
    low, high = conformal.interval(held["predicted_ms"].to_numpy(float), log_half_width)
    return held.assign(scheme=scheme, measured_ms=held["latency_ms"], low_ms=low, high_ms=high)[COLUMNS]


def summary(table: pd.DataFrame, by: Sequence[str] = ("backend", "scheme")) -> pd.DataFrame:
    """Return ``cells, median_ape, mape, coverage`` by groups of rows, all but the first in percent."""
    inside = table["measured_ms"].between(table["low_ms"], table["high_ms"])
    error = 100 * (table["predicted_ms"] / table["measured_ms"] - 1).abs()
    groups = table.assign(error=error, inside=100.0 * inside).groupby(list(by), observed=True)
    return groups.agg(
        cells=("error", "size"),
        median_ape=("error", "median"),
        mape=("error", "mean"),
        coverage=("inside", "mean"),
    ).reset_index()
