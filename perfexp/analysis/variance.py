"""Analysis of variance of log latency, with checks of its assumptions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from perfexp.analysis import tukey
from perfexp.analysis.additive import Additive, fit_additive
from perfexp.analysis.results import Tables
from perfexp.analysis.scaling.forms import Array

_LEVEL = 0.05
_DENSE_LEVELS = 150
_SHAPIRO_POINTS = 5000
_TESTS = {stats.shapiro: "Shapiro–Wilk", stats.jarque_bera: "Jarque–Bera"}
_ROBUST = "the analysis is repeated robustly, see its method"
_APART = "models scale differently: read a main effect as an average, and the fits for each model"
_NAMES = {
    "anova": "analysis of variance",
    "tukey": "comparison of means",
    "assumptions": "check of assumptions",
}


def analyse(cells: pd.DataFrame) -> tuple[Tables, dict[str, str]]:
    """Analyse log latency of a batch by model, batch size and, where there are several, backend.

    Type II sums of squares of the main effects; interactions are part of the residual. Where an
    assumption fails, a robust analysis follows: Wald tests with the HC3 covariance, or for many
    models an analysis of the ranks (W. Conover, R. Iman, American Statistician 35 (1981) 124).
    Also return the reasons for absent tables.

    Args:
        cells: ``model, family, backend, batch_size, latency_ms``, one row per cell.
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
    if not model.is_testable:
        return _nothing("the latencies follow from the factors exactly, so nothing is left to compare with")
    missing = {}
    for factor in reversed(factors):
        if len(factors) > 2 and model.degrees(factor) == 0:
            factors = [f for f in factors if f != factor]
            missing[f"anova of {factor}"] = (
                f"The effect of {factor} cannot be separated from those of {' and '.join(factors)}."
            )
            model = fit_additive(response, table, factors)
    checks = _checks(model, table)
    anova = [_effects(model, factors, "type II")]
    if not checks["holds"].all():
        anova.append(_robust(response, table, factors))
    compared, uncompared = tukey.compare(response, table, factors)
    tables = {"anova": pd.concat(anova, ignore_index=True), "assumptions": checks, **compared}
    return tables, missing | uncompared


def _nothing(reason: str) -> tuple[Tables, dict[str, str]]:
    return {}, {name: f"There is no {what}: {reason}." for name, what in _NAMES.items()}


def _effects(model: Additive, factors: Sequence[str], method: str) -> pd.DataFrame:
    rows = [*(model.effect(factor) for factor in factors), model.residual_effect()]
    return pd.DataFrame(rows).assign(method=method)


def _robust(response: Array, table: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """Return the HC3 analysis, or that of ranks for many levels or a level with a single point."""
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    counts = [table[factor].value_counts() for factor in factors]
    if sum(map(len, counts)) > _DENSE_LEVELS or min(count.min() for count in counts) < 2:
        model = fit_additive(stats.rankdata(response), table, factors)
        return _effects(model, factors, "type II on ranks")
    formula = "response ~ " + " + ".join(f"C({factor})" for factor in factors)
    fitted = ols(formula, table.assign(response=response)).fit()
    found: pd.DataFrame = anova_lm(fitted, typ=2, robust="hc3").rename(columns={"PR(>F)": "p", "F": "f"})
    share = found["sum_sq"] / (found["sum_sq"] + found["sum_sq"].iloc[-1])
    found["term"] = [name.removeprefix("C(").removesuffix(")") for name in found.index]
    found["partial_eta_sq"] = share.where(found["f"].notna())
    columns = ["term", "df", "sum_sq", "f", "p", "partial_eta_sq"]
    return found[columns].assign(method="type II, HC3 covariance")


def _checks(model: Additive, table: pd.DataFrame) -> pd.DataFrame:
    """Test normality, equal variances and additivity; tests that have too few points are left out."""
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
