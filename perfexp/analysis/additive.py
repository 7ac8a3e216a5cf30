"""A least-squares model of main effects in which one factor may have thousands of levels.

The largest factor gets no dummy columns: subtracting its levels' means from response and design
leaves the same sums of squares (R. Frisch, F. Waugh, Econometrica 1 (1933) 387).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from perfexp.analysis.scaling.forms import Array

_EXACT = 1e-20
"""A residual below this share of the response's square is rounding."""


@dataclass(frozen=True)
class Additive:
    """A fitted model; arrays have the shape ``(n,)``.

    Attributes:
        factors: names, the factor with the most levels first.
        codes: each factor's levels, as integers from 0.
        effects: each factor's share of the fit.
        freedom: points minus independent coefficients.
    """

    factors: tuple[str, ...]
    codes: dict[str, NDArray[np.int64]]
    response: Array
    residual: Array
    effects: dict[str, Array]
    freedom: int

    @property
    def is_testable(self) -> bool:
        """Whether there is a residual to compare effects with."""
        exact = _EXACT * float((self.response**2).sum())
        return self.freedom > 0 and float((self.residual**2).sum()) > exact

    @property
    def mean_square(self) -> float:
        """The variance of the residual."""
        return float((self.residual**2).sum() / self.freedom)

    def degrees(self, factor: str) -> int:
        """Return the degrees of freedom of a factor's effect; 0 where the others determine it."""
        _, _, rank = _project(self.response, [self.codes[f] for f in self.factors if f != factor])
        return len(self.response) - self.freedom - rank

    def effect(self, factor: str) -> dict[str, float | str]:
        """Return the type II test of one factor: what it explains beyond all others."""
        others = [self.codes[f] for f in self.factors if f != factor]
        rest, _, rank = _project(self.response, others)
        unexplained = float((self.residual**2).sum())
        explained = float((rest**2).sum()) - unexplained
        df = len(self.response) - self.freedom - rank
        f = explained / df / self.mean_square
        return {
            "term": factor,
            "df": df,
            "sum_sq": explained,
            "f": f,
            "p": float(stats.f.sf(f, df, self.freedom)),
            "partial_eta_sq": explained / (explained + unexplained),
        }

    def residual_effect(self) -> dict[str, float | str]:
        """Return the residual's row of the table."""
        return {"term": "Residual", "df": self.freedom, "sum_sq": float((self.residual**2).sum())}

    def without_others(self, factor: str) -> Array:
        """Return the response minus the centred effects of the other factors."""
        others = [self.effects[f] for f in self.factors if f != factor]
        return np.asarray(self.response - sum(effect - effect.mean() for effect in others))

    def nonadditivity(self) -> tuple[float, float]:
        """Return F and p of Tukey's test for multiplying effects (J. Tukey, Biometrics 5 (1949) 232).

        NaN where the residual has too few degrees of freedom.
        """
        curvature, _, _ = _project((self.response - self.residual) ** 2, list(self.codes.values()))
        length = float(curvature @ curvature)
        total = float((self.residual**2).sum())
        if self.freedom < 2 or length <= 1e-12 * total:
            return np.nan, np.nan
        explained = float(curvature @ self.residual) ** 2 / length
        f = explained / ((total - explained) / (self.freedom - 1))
        return f, float(stats.f.sf(f, 1, self.freedom - 1))


def fit_additive(response: Array, table: pd.DataFrame, factors: Sequence[str]) -> Additive:
    """Fit ``response`` by the main effects of ``factors``, columns of ``table``, by least squares."""
    codes = {f: np.asarray(pd.factorize(table[f], sort=True)[0], dtype=np.int64) for f in factors}
    ordered = sorted(factors, key=lambda f: -int(codes[f].max()))
    residual, effects, rank = _project(response, [codes[f] for f in ordered])
    return Additive(
        factors=tuple(ordered),
        codes={f: codes[f] for f in ordered},
        response=response,
        residual=residual,
        effects=dict(zip(ordered, effects, strict=True)),
        freedom=len(response) - rank,
    )


def _project(values: Array, codes: Sequence[NDArray[np.int64]]) -> tuple[Array, list[Array], int]:
    """Return the residual of a fit, each factor's share of the fit, and the rank of the design."""
    largest, *others = sorted(codes, key=lambda c: -int(c.max()))
    design = np.concatenate([np.eye(int(c.max()) + 1)[c][:, 1:] for c in others], axis=1) if others else None
    if design is None:
        share = _means(values[:, None], largest)[:, 0]
        return values - share, [share], int(largest.max()) + 1
    inner = design - _means(design, largest)
    coefficients, _, rank, _ = np.linalg.lstsq(inner, values - _means(values[:, None], largest)[:, 0])
    small = design @ coefficients
    large = _means((values - small)[:, None], largest)[:, 0]
    shares, start = {id(largest): large}, 0
    for code in others:
        width = int(code.max())
        shares[id(code)] = design[:, start : start + width] @ coefficients[start : start + width]
        start += width
    return values - small - large, [shares[id(c)] for c in codes], int(largest.max()) + 1 + int(rank)


def _means(values: Array, codes: NDArray[np.int64]) -> Array:
    """Replace each row of values ``(n, k)`` by the mean of its level."""
    sums = np.zeros((int(codes.max()) + 1, values.shape[1]))
    np.add.at(sums, codes, values)
    return np.asarray((sums / np.bincount(codes)[:, None])[codes])
