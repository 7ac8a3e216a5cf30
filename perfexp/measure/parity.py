"""Whether a backend computes the network: its logits against those of PyTorch eager in f32."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfexp.config import Precision

IMAGES = 4
"""Images with a reference: the first of the seeded stream that fills the input buffers."""

TOLERANCE = {
    Precision.f32: 1e-3,  # orders of summation differ: some 1e-5 in 33 models, with room for Winograd
    Precision.f16: 3e-2,  # 11 bits of mantissa, 5e-4 an operation, over up to two hundred layers
    Precision.bf16: 2e-1,  # 8 bits of mantissa: eight times that
}
"""Largest error a precision explains, relative to the reference logits' standard deviation."""

OK, BEYOND = "ok", "beyond tolerance"
Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """Agreement with the reference.

    Attributes:
        max_error: largest absolute difference over the standard deviation of all reference
            logits. Not over their size: an offset shared by all classes would hide an error.
        cosine: smallest cosine between the two logit vectors of an image.
        top1_agreement: percent of images with the same first class.
    """

    max_error: float
    cosine: float
    top1_agreement: float

    def verdict(self, precision: Precision) -> str:
        """``ok``, or ``beyond tolerance`` of the precision; what is not a number is beyond."""
        return OK if self.max_error <= TOLERANCE[precision] else BEYOND


def compare(output: Logits, reference: Logits) -> Parity:
    """Compare logits of the same images, both of shape ``(images, classes)``."""
    found, wanted = output.astype(np.float64), reference.astype(np.float64)
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = (found * wanted).sum(axis=1) / norms
        error = np.abs(found - wanted).max() / wanted.std()
    same = found.argmax(axis=1) == wanted.argmax(axis=1)
    return Parity(float(error), float(cosines.min()), 100 * float(same.mean()))
