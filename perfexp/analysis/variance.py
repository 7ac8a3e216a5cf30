"""What latency varies with: an analysis of variance of log latency, its assumptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from perfexp.analysis import tukey
from perfexp.analysis.additive import Additive, fit_additive
from perfexp.analysis.scaling.forms import Array

_LEVEL = 0.05
_DENSE_LEVELS = 150
_SHAPIRO_POINTS = 5000
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
    tukey_groups: pd.DataFrame
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
    compared = tukey.compare(response, table, factors)
    return Variance(
        pd.concat(anova, ignore_index=True), compared.pairs, compared.groups, checks, compared.missing
    )


def _nothing(reason: str) -> Variance:
    missing = {name: f"There is no {what}: {reason}." for name, what in _NAMES.items()}
    nothing = pd.DataFrame()
    return Variance(nothing, nothing, nothing, nothing, missing)


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
