"""Tukey's honestly significant differences of log latency, and the groups of levels they leave."""

from collections.abc import Sequence
from string import ascii_letters

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator
from scipy.stats import studentized_range

from perfexp.analysis.additive import Additive, fit_additive
from perfexp.analysis.results import Tables
from perfexp.analysis.scaling.forms import Array

_LEVEL = 0.05
_MAX_LEVELS = 40
_NODES = 48
"""One p of scipy's studentised range takes 10 ms, and 33 models make 528 pairs: beyond this many
different values p is interpolated, to within 0.001."""
_SMALLEST_P = 1e-12


def compare(response: Array, table: pd.DataFrame, factors: Sequence[str]) -> tuple[Tables, dict[str, str]]:
    """Compare the levels of model, family and backend, adjusted for the other factors.

    Also return the reasons for absent tables.

    Args:
        response: log latency, shape ``(n,)``.
        table: ``model, family, backend, batch_size`` as text, one row per point.
        factors: of the analysis of variance; a family takes the place of its models.
    """
    pairs: list[pd.DataFrame] = []
    groups: list[pd.DataFrame] = []
    missing: dict[str, str] = {}
    for factor in ("model", "family", "backend"):
        levels = table[factor].nunique()
        if levels > _MAX_LEVELS:
            missing[f"tukey by {factor}"] = (
                f"{levels} levels of {factor} are too many to compare in pairs; the limit is {_MAX_LEVELS}."
            )
        elif levels > 1:
            used = factors if factor in factors else [factor, *(f for f in factors if f != "model")]
            model = fit_additive(response, table, used)
            if not model.is_testable or (factor == "backend" and factor not in factors):
                missing[f"tukey by {factor}"] = f"The cells do not allow to compare the levels of {factor}."
                continue
            pairs.append(pairwise(model, table, factor))
            groups.append(_groups(model, table, factor, pairs[-1]))
        elif factor == "family":
            missing["tukey by family"] = "All models are of one family, so there are none to compare."
    parts = {"tukey": pairs, "tukey_groups": groups}
    return {name: pd.concat(some, ignore_index=True) for name, some in parts.items() if some}, missing


def pairwise(model: Additive, table: pd.DataFrame, factor: str) -> pd.DataFrame:
    """Return Tukey–Kramer intervals and adjusted p of all pairs of a factor's levels."""
    adjusted = pd.Series(model.without_others(factor)).groupby(table[factor].to_numpy())
    means, counts = adjusted.mean(), adjusted.size()
    first, second = np.triu_indices(len(means), 1)
    difference = means.to_numpy()[second] - means.to_numpy()[first]
    share = 1 / counts.to_numpy()
    error = np.sqrt(model.mean_square / 2 * (share[first] + share[second]))
    critical = float(studentized_range.isf(_LEVEL, len(means), model.freedom))
    return pd.DataFrame({
        "factor": factor, "group1": means.index[first], "group2": means.index[second],
        "mean_difference": difference,
        "low": difference - critical * error, "high": difference + critical * error,
        "p_adjusted": _p(np.abs(difference) / error, len(means), model.freedom, critical),
        "reject": np.abs(difference) > critical * error,
    })  # fmt: skip


def _p(statistic: Array, levels: int, freedom: int, critical: float) -> Array:
    """Return p of the studentised range, shape ``(pairs,)``; nodes are closest around small values."""
    values = np.unique(statistic)
    place = values / (values + critical)
    if len(values) <= _NODES:
        return np.asarray(studentized_range.sf(values, levels, freedom)[np.searchsorted(values, statistic)])
    nodes = np.linspace(0, place[-1], _NODES)
    p = studentized_range.sf(critical * nodes / (1 - nodes), levels, freedom)
    log_p = PchipInterpolator(nodes, np.log(np.maximum(p, _SMALLEST_P)))
    return np.asarray(np.exp(log_p(statistic / (statistic + critical))))


def _groups(model: Additive, table: pd.DataFrame, factor: str, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the levels from the fastest on, with a letter for each run of levels that do not differ."""
    means = pd.Series(model.without_others(factor)).groupby(table[factor].to_numpy()).mean().sort_values()
    apart = np.zeros((len(means), len(means)), dtype=bool)
    rejected = pairs[pairs["reject"]]
    first, second = (means.index.get_indexer(pd.Index(rejected[side])) for side in ("group1", "group2"))
    apart[first, second] = apart[second, first] = True
    letters, covered = [""] * len(means), 0
    unused = iter(ascii_letters)
    for start in range(len(means)):
        end = start + 1
        while end < len(means) and not apart[start : end + 1, start : end + 1].any():
            end += 1
        if end > covered:
            covered, letter = end, next(unused)
            for level in range(start, end):
                letters[level] += letter
    means_ms = np.exp(means.to_numpy())
    return pd.DataFrame(
        {"factor": factor, "level": means.index, "mean_latency_ms": means_ms, "groups": letters}
    )
