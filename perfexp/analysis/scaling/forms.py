"""Candidate forms of a batch's latency y(b) in ms; each is linear except for at most one coefficient.

A form's latency is Σ cᵢ · termᵢ(b, shape) with cᵢ ≥ 0, so a fit is a search over ``shape`` alone.
Forms that the literature gives per image, t(b), are multiplied by b here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Form:
    """One candidate.

    Attributes:
        name: as in tables.
        coefficients: names of the cᵢ, in the order of ``terms``.
        terms: from batch sizes and shape, broadcast together, to each termᵢ.
        shape: name of the nonlinear coefficient; None where there is none.
        shape_range: from a curve's smallest and largest batch size to the range to search.
        formula: to be read.
    """

    name: str
    coefficients: tuple[str, ...]
    terms: Callable[[Array, Array], tuple[Array, ...]]
    formula: str
    shape: str | None = None
    shape_range: Callable[[Array, Array], tuple[Array, Array]] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all coefficients, the shape last."""
        return self.coefficients + ((self.shape,) if self.shape else ())


def _constant(low: float, high: float) -> Callable[[Array, Array], tuple[Array, Array]]:
    return lambda smallest, _largest: (np.full_like(smallest, low), np.full_like(smallest, high))


AFFINE = Form(
    "affine",
    ("fixed_ms", "marginal_ms"),
    lambda b, _shape: (np.ones_like(b), b),
    "y(b) = fixed + marginal · b",
)
ROOFLINE = Form(
    "roofline",
    ("fixed_ms", "marginal_ms"),
    lambda b, knee: (np.ones_like(b), np.maximum(b, knee)),
    "y(b) = fixed + marginal · max(b, knee)",
    "knee",
    lambda smallest, largest: (smallest, largest),
)
POWER = Form(
    "power",
    ("scale_ms",),
    lambda b, exponent: (np.exp(np.log(b) * (1 - exponent)),),
    "t(b) = scale · b^(−exponent)",
    "exponent",
    _constant(0.01, 2.0),
)
POWER_OFFSET = Form(
    "power_offset",
    ("scale_ms", "floor_ms"),
    lambda b, exponent: (np.exp(np.log(b) * (1 - exponent)), b),
    "t(b) = scale · b^(−exponent) + floor",
    "exponent",
    _constant(0.05, 2.0),
)
EXPONENTIAL = Form(
    "exponential",
    ("scale_ms", "floor_ms"),
    lambda b, rate: (b * np.exp(-rate * b), b),
    "t(b) = scale · exp(−rate · b) + floor",
    "rate",
    lambda smallest, largest: (0.05 / largest, 5.0 / smallest),
)
FORMS = (AFFINE, ROOFLINE, POWER, POWER_OFFSET, EXPONENTIAL)
"""AFFINE first: it is selected unless another form is significantly better."""
