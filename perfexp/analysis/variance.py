"""What latency varies with: an analysis of variance of log latency, its assumptions, Tukey's HSD."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from perfexp.analysis.additive import Additive, fit_additive
from perfexp.analysis.forms import Array

_LEVEL = 0.05
_DENSE_LEVELS = 150
_SHAPIRO_POINTS = 5000
_TUKEY_LEVELS = 40
_EXACT = 1e-20
_TESTS = {stats.shapiro: "Shapiro–Wilk", stats.jarque_bera: "Jarque–Bera"}
_ROBUST = "the analysis is repeated robustly, see its method"
_APART = "models scale differently: read a main effect as an average, and the fits for each model"
_NAMES = {
    "anova": "analysis of variance",
    "tukey": "comparison of means",
    "assumptions": "check of assumptions",
}


@dataclass(frozen=True)
class Variance:
    """Tables as in :class:`perfexp.analysis.results.Results`; ``missing`` says what could not be made."""

    anova: pd.DataFrame
    tukey: pd.DataFrame
    assumptions: pd.DataFrame
    missing: Mapping[str, str]


def analyse(cells: pd.DataFrame) -> Variance:
    """Analyse log latency of a batch by model, batch size and, where there are several, backend.

    Type II sums of squares of the main effects; what the factors do together is in the residual.
    Where an assumption fails, a robust analysis follows: Wald tests with the HC3 covariance, or for
    many models an analysis of the ranks (W. Conover, R. Iman, American Statistician 35 (1981) 124).

    Args:
        cells: ``model, family, backend, batch_size, latency_ms``, one row a cell.
    """
    factors = [f for f in ("model", "batch_size", "backend") if cells[f].nunique() > 1]
    response = np.log(cells["latency_ms"].to_numpy(dtype=float))
    table = cells[["model", "family", "batch_size", "backend"]].astype(str)
    if len(factors) < 2:
        varied = " and ".join(factors) or "nothing"
        return _nothing(f"the runs differ in {varied} alone, and two factors are needed")
    model = fit_additive(response, table, factors)
    if model.freedom < 1:
        return _nothing("the runs are no more than the factors' levels, so nothing is left to compare with")
    if not (model.residual**2).sum() > _EXACT * (response**2).sum():
        return _nothing("the latencies follow from the factors exactly, so nothing is left to compare with")
    checks = _checks(model, table)
    anova = [_anova(response, table, factors, model, robust=False)]
    if not checks["holds"].all():
        anova.append(_anova(response, table, factors, model, robust=True))
    tukey, missing = _tukey(response, table, factors)
    return Variance(pd.concat(anova, ignore_index=True), tukey, checks, missing)


def _nothing(reason: str) -> Variance:
    missing = {name: f"There is no {what}: {reason}." for name, what in _NAMES.items()}
    return Variance(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), missing)


def _anova(
    response: Array, table: pd.DataFrame, factors: Sequence[str], model: Additive, robust: bool
) -> pd.DataFrame:
    few = sum(table[f].nunique() for f in factors) <= _DENSE_LEVELS
    alone = any(table[f].value_counts().min() < 2 for f in factors)
    if few and not (robust and alone):
        return _statsmodels_anova(response, table, factors, robust)
    if robust:
        model = fit_additive(stats.rankdata(response), table, factors)
    found = pd.DataFrame([*(model.effect(f) for f in factors), model.residual_effect()])
    return found.assign(method="type II on ranks" if robust else "type II")


def _statsmodels_anova(
    response: Array, table: pd.DataFrame, factors: Sequence[str], robust: bool
) -> pd.DataFrame:
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    formula = "response ~ " + " + ".join(f"C({factor})" for factor in factors)
    fitted = ols(formula, table.assign(response=response)).fit()
    found: pd.DataFrame = anova_lm(fitted, typ=2, robust="hc3" if robust else None)
    found.index = [name.removeprefix("C(").removesuffix(")") for name in found.index]
    found = found.rename_axis("term").reset_index().rename(columns={"PR(>F)": "p", "F": "f"})
    residual = found.loc[found["term"] == "Residual", "sum_sq"].iloc[0]
    found["partial_eta_sq"] = (found["sum_sq"] / (found["sum_sq"] + residual)).where(found["f"].notna())
    columns = ["term", "df", "sum_sq", "f", "p", "partial_eta_sq"]
    return found[columns].assign(method="type II, HC3 covariance" if robust else "type II")


def _checks(model: Additive, table: pd.DataFrame) -> pd.DataFrame:
    """Normal residuals, equal variances, and effects that add up; without what too few points tell."""
    residual = model.residual
    normal = stats.shapiro if len(residual) <= _SHAPIRO_POINTS else stats.jarque_bera
    checks = [(f"normal residuals ({_TESTS[normal]})", *normal(residual), _ROBUST)]
    for factor in model.factors:
        levels = pd.Series(residual).groupby(table[factor].to_numpy())
        groups = [level.to_numpy() for _, level in levels if len(level) > 2]
        if len(groups) > 1:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = stats.levene(*groups, center="median")
            checks.append((f"equal variance by {factor} (Brown–Forsythe)", *found, _ROBUST))
    checks.append(("effects add up on the log scale (Tukey)", *model.nonadditivity(), _APART))
    frame: pd.DataFrame = pd.DataFrame(checks, columns=["check", "statistic", "p", "remedy"])
    frame = frame.loc[np.isfinite(frame["statistic"].to_numpy())].reset_index(drop=True)
    frame.insert(3, "holds", ~(frame["p"] < _LEVEL))
    return frame.assign(remedy=np.where(frame["holds"], "", frame["remedy"]))


def _tukey(
    response: Array, table: pd.DataFrame, factors: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Tukey–Kramer comparisons of levels, adjusted for the other factors; differences of log latency.

    The p of statsmodels' approximation is held between 0.001 and 0.9.
    """
    others = [f for f in factors if f != "model"]
    found: list[pd.DataFrame] = []
    missing: dict[str, str] = {}
    for factor in ("model", "family", "backend"):
        levels = table[factor].nunique()
        if levels > _TUKEY_LEVELS:
            missing[f"tukey by {factor}"] = (
                f"{levels} levels of {factor} are too many to compare in pairs; the limit is {_TUKEY_LEVELS}."
            )
        elif levels > 1:
            own = factors if factor in factors else [factor, *others]
            found.append(_compared(fit_additive(response, table, own), table, factor))
        elif factor == "family":
            missing["tukey by family"] = "All models are of one family, so there are none to compare."
    return (pd.concat(found, ignore_index=True) if found else pd.DataFrame()), missing


def _compared(model: Additive, table: pd.DataFrame, factor: str) -> pd.DataFrame:
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
