"""Tukey's honestly significant differences of log latency, and the groups of levels they leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_letters

import numpy as np
import pandas as pd

from perfexp.analysis.additive import Additive, fit_additive
from perfexp.analysis.scaling.forms import Array

_LEVEL = 0.05
_MAX_LEVELS = 40


@dataclass(frozen=True)
class Compared:
    """Tables as in :class:`perfexp.analysis.results.Results`; ``missing`` says what could not be made."""

    pairs: pd.DataFrame
    groups: pd.DataFrame
    missing: Mapping[str, str]


def compare(response: Array, table: pd.DataFrame, factors: Sequence[str]) -> Compared:
    """Compare the levels of model, family and backend, adjusted for the other factors.

    Args:
        response: log latency, shape ``(n,)``.
        table: ``model, family, backend, batch_size`` as text, a row a point.
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
            own = factors if factor in factors else [factor, *(f for f in factors if f != "model")]
            model = fit_additive(response, table, own)
            pairs.append(pairwise(model, table, factor))
            groups.append(_groups(model, table, factor, pairs[-1]))
        elif factor == "family":
            missing["tukey by family"] = "All models are of one family, so there are none to compare."
    nothing = pd.DataFrame()
    return Compared(
        pairs=pd.concat(pairs, ignore_index=True) if pairs else nothing,
        groups=pd.concat(groups, ignore_index=True) if groups else nothing,
        missing=missing,
    )


def pairwise(model: Additive, table: pd.DataFrame, factor: str) -> pd.DataFrame:
    """Tukey–Kramer intervals; the p of statsmodels' approximation is held between 0.001 and 0.9."""
    from statsmodels.stats.libqsturng import psturng, qsturng

    adjusted = pd.Series(model.without_others(factor)).groupby(table[factor].to_numpy())
    means, counts = adjusted.mean(), adjusted.size()
    first, second = np.triu_indices(len(means), 1)
    difference = means.to_numpy()[second] - means.to_numpy()[first]
    share = 1 / counts.to_numpy()
    error = np.sqrt(model.mean_square / 2 * (share[first] + share[second]))
    reach = error * qsturng(1 - _LEVEL, len(means), model.freedom)
    p = psturng(np.abs(difference) / error, len(means), model.freedom)
    return pd.DataFrame(
        {
            "factor": factor,
            "group1": means.index[first],
            "group2": means.index[second],
            "mean_difference": difference,
            "low": difference - reach,
            "high": difference + reach,
            "p_adjusted": np.atleast_1d(p),
            "reject": np.abs(difference) > reach,
        }
    )


def _groups(model: Additive, table: pd.DataFrame, factor: str, pairs: pd.DataFrame) -> pd.DataFrame:
    """Levels from the fastest on, with a letter for each run of neighbours that no pair tells apart."""
    means = pd.Series(model.without_others(factor)).groupby(table[factor].to_numpy()).mean().sort_values()
    apart = np.zeros((len(means), len(means)), dtype=bool)
    told = pairs[pairs["reject"]]
    first, second = (means.index.get_indexer(pd.Index(told[side])) for side in ("group1", "group2"))
    apart[first, second] = apart[second, first] = True
    letters, reached = [""] * len(means), 0
    unused = iter(ascii_letters)
    for start in range(len(means)):
        end = start + 1
        while end < len(means) and not apart[start : end + 1, start : end + 1].any():
            end += 1
        if end > reached:
            reached, letter = end, next(unused)
            for level in range(start, end):
                letters[level] += letter
    return pd.DataFrame(
        {
            "factor": factor,
            "level": means.index,
            "mean_latency_ms": np.exp(means.to_numpy()),
            "groups": letters,
        }
    )
