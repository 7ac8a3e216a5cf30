"""Weighted non-negative least squares of thousands of latency curves at once.

Each fit minimises Σ (w · (ŷ − y) / y)², the squared relative error: for each shape on a grid the linear
coefficients have a closed solution, and the grid is refined around the best shape. No curve needs a
starting value, and every fit converges. Where shapes fit equally well, the smallest is taken: a
knee that the points leave open must not depend on rounding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from perfexp.analysis.scaling.forms import Array, Form

_GRID, _ROUNDS = 17, 5
_CHUNK = 4_000_000
_STEP = 1e-5
_TIE = 1e-12
"""Losses closer than this, per point, differ by rounding alone."""


@dataclass(frozen=True)
class Curves:
    """Points of G curves, padded to N; all arrays have the shape ``(G, N)``.

    Attributes:
        batch_size: 1 where there is no point.
        latency_ms: of the batch; 1 where there is no point.
        weight: in (0, 1] where there is a point, inversely to how uncertain it is; else 0.
        rank: 0 for a curve's smallest batch size, and so on; equal for equal sizes.
    """

    batch_size: Array
    latency_ms: Array
    weight: Array
    rank: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The number of distinct batch sizes of each curve, shape ``(G,)``."""
        return np.asarray(np.where(self.weight > 0, self.rank, -1).max(axis=1) + 1)

    def without(self, rank: NDArray[np.int64]) -> "Curves":
        """Return the curves without their points of these ranks, shape ``(G,)``."""
        weight = self.weight * (self.rank != rank[:, None])
        return Curves(self.batch_size, self.latency_ms, weight, self.rank)

    def part(self, which: "slice | NDArray[np.bool_]") -> "Curves":
        """Return some of the curves."""
        return Curves(self.batch_size[which], self.latency_ms[which], self.weight[which], self.rank[which])


@dataclass(frozen=True)
class Fit:
    """One form's coefficients on G curves: ``linear`` of shape ``(G, K)``, ``shape`` of ``(G,)``."""

    form: Form
    linear: Array
    shape: Array

    def predict(self, batch_size: Array) -> Array:
        """Return the latency of a batch in ms at batch sizes ``(G, N)``, of the same shape."""
        terms = self.form.terms(batch_size, self.shape[:, None])
        return np.asarray(sum(self.linear[:, [k]] * term for k, term in enumerate(terms)))

    def part(self, which: "slice | NDArray[np.bool_] | NDArray[np.int64]") -> "Fit":
        """Return the fits of some of the curves."""
        return Fit(self.form, self.linear[which], self.shape[which])

    @property
    def coefficients(self) -> Array:
        """All coefficients, shape ``(G, P)``, in the order of ``form.names``."""
        return np.column_stack([self.linear, self.shape]) if self.form.shape else self.linear


def fit(form: Form, curves: Curves) -> Fit:
    """Fit the form to each curve."""
    groups, points = curves.weight.shape
    step = max(1, _CHUNK // (points * _GRID))
    parts = [_fit(form, curves.part(slice(start, start + step))) for start in range(0, groups, step)]
    return Fit(form, np.concatenate([p.linear for p in parts]), np.concatenate([p.shape for p in parts]))


def _fit(form: Form, curves: Curves) -> Fit:
    groups = np.arange(len(curves.weight))
    if form.shape_range is None:
        linear, _ = _linear(form, curves, np.ones((len(groups), 1)))
        return Fit(form, linear[:, 0], np.ones(len(groups)))
    points = curves.weight > 0
    smallest = np.where(points, curves.batch_size, np.inf).min(axis=1)
    largest = np.where(points, curves.batch_size, -np.inf).max(axis=1)
    low, high = (np.log(bound) for bound in form.shape_range(smallest, largest))
    steps = np.linspace(0, 1, _GRID)
    for _ in range(_ROUNDS):
        shapes = np.exp(low[:, None] + (high - low)[:, None] * steps)
        linear, loss = _linear(form, curves, shapes)
        tied = loss <= loss.min(axis=1, keepdims=True) + _TIE * curves.weight.sum(axis=1, keepdims=True)
        best = tied.argmax(axis=1)
        width = (high - low) / (_GRID - 1)
        middle = low + width * best
        low, high = np.maximum(middle - width, low), np.minimum(middle + width, high)
    return Fit(form, linear[groups, best], shapes[groups, best])


def _linear(form: Form, curves: Curves, shapes: Array) -> tuple[Array, Array]:
    """Return non-negative coefficients ``(G, S, K)`` and losses ``(G, S)`` at shapes ``(G, S)``."""
    batch_size = curves.batch_size[:, None, :]
    scale = (curves.weight / curves.latency_ms)[:, None, :]
    terms = [term * scale for term in form.terms(batch_size, shapes[:, :, None])]
    towards = [np.einsum("gsn,gn->gs", term, curves.weight) for term in terms]
    squares = [np.einsum("gsn,gsn->gs", term, term) for term in terms]
    total = (curves.weight**2).sum(axis=1)[:, None]
    if len(terms) == 1:
        alone = _ratio(towards[0], squares[0])
        return alone[..., None], total - alone * towards[0]
    across = np.einsum("gsn,gsn->gs", *np.broadcast_arrays(*terms))
    pair = _non_negative(squares[0], across, squares[1], towards[0], towards[1])
    return np.stack(pair, axis=-1), total - pair[0] * towards[0] - pair[1] * towards[1]


def _non_negative(aa: Array, ab: Array, bb: Array, ay: Array, by: Array) -> tuple[Array, Array]:
    """Solve the normal equations of two coefficients; where one is negative, keep the better one alone."""
    determinant = aa * bb - ab * ab
    determinant = np.where(determinant > 1e-12 * aa * bb, determinant, np.inf)
    first, second = (bb * ay - ab * by) / determinant, (aa * by - ab * ay) / determinant
    inside = (first > 0) & (second > 0)
    only_first, only_second = _ratio(ay, aa), _ratio(by, bb)
    first_is_better = only_first * ay >= only_second * by
    return (
        np.where(inside, first, np.where(first_is_better, only_first, 0)),
        np.where(inside, second, np.where(first_is_better, 0, only_second)),
    )


def _ratio(numerator: Array, denominator: Array) -> Array:
    return np.maximum(numerator, 0) / np.where(denominator > 0, denominator, np.inf)


def relative_error(fitted: Fit, curves: Curves) -> Array:
    """Return (ŷ − y) / y, shape ``(G, N)``; NaN where there is no point."""
    error = fitted.predict(curves.batch_size) / curves.latency_ms - 1
    return np.where(curves.weight > 0, error, np.nan)


@dataclass(frozen=True)
class Uncertainty:
    """Uncertainty of each curve's fit, by the delta method on relative errors.

    Attributes:
        scale: standard deviation of the relative error of a point of weight 1, shape ``(G,)``; NaN
            without freedom.
        freedom: points minus coefficients, shape ``(G,)``.
        covariance: of ``Fit.coefficients``, shape ``(G, P, P)``, for a scale of 1.
    """

    fitted: Fit
    scale: Array
    freedom: Array
    covariance: Array

    def quantile(self, level: float) -> Array:
        """Return Student's t for a two-sided interval, shape ``(G,)``; NaN without freedom."""
        return np.asarray(stats.t.ppf(0.5 + level / 2, np.where(self.freedom > 0, self.freedom, np.nan)))

    def relative(self, batch_size: Array) -> Array:
        """Return the standard error of ŷ over ŷ at batch sizes ``(G, N)``, for a scale of 1: √leverage."""
        gradient = _gradient(self.fitted, batch_size) / self.fitted.predict(batch_size)[..., None]
        return np.asarray(np.sqrt(np.einsum("gnp,gpq,gnq->gn", gradient, self.covariance, gradient)))


def uncertainty(fitted: Fit, curves: Curves) -> Uncertainty:
    """Return the uncertainty of the coefficients; those that are zero count as known."""
    free = fitted.coefficients > 0
    jacobian = _gradient(fitted, curves.batch_size) * (curves.weight / curves.latency_ms)[..., None]
    jacobian = jacobian * free[:, None, :]
    length = np.linalg.norm(jacobian, axis=1, keepdims=True)
    unit = jacobian / np.where(length > 0, length, 1)
    covariance = np.linalg.pinv(np.einsum("gnp,gnq->gpq", unit, unit), hermitian=True)
    inverse = 1 / np.where(length > 0, length, np.inf)
    covariance = covariance * inverse * inverse.transpose(0, 2, 1)
    freedom = (curves.weight > 0).sum(axis=1) - free.sum(axis=1)
    loss = np.nansum((curves.weight * relative_error(fitted, curves)) ** 2, axis=1)
    scale = np.sqrt(loss / np.where(freedom > 0, freedom, np.nan))
    return Uncertainty(fitted, scale, freedom, covariance)


def _gradient(fitted: Fit, batch_size: Array) -> Array:
    """Return ∂ŷ/∂coefficient, shape ``(G, N, P)``; by a central difference for the shape."""
    terms = np.broadcast_arrays(batch_size, *fitted.form.terms(batch_size, fitted.shape[:, None]))[1:]
    if fitted.form.shape is None:
        return np.stack(terms, axis=-1)
    step = _STEP * fitted.shape
    above = Fit(fitted.form, fitted.linear, fitted.shape + step).predict(batch_size)
    below = Fit(fitted.form, fitted.linear, fitted.shape - step).predict(batch_size)
    return np.stack([*terms, (above - below) / (2 * step[:, None])], axis=-1)
