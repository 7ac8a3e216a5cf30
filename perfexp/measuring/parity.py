"""Whether a backend computes the network: its logits against those of PyTorch eager in f32."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfexp.config.schema import Precision
from perfexp.records import ParityVerdict

IMAGES = 4
"""Images with a reference: the first of the seeded stream that fills the input buffers."""

TOLERANCE = {
    Precision.f32: 1e-3,  # the order of sums differs: up to 3e-5, and more with Winograd kernels
    Precision.f16: 1e-1,  # 11 bits of mantissa: 0.014 to 0.057 in honest runs, most in depthwise ones
    Precision.bf16: 8e-1,  # 8 bits, eight times coarser: 0.10 to 0.43 in the same networks
    Precision.int8: 3.0,  # 0.02 to 0.80 in nine networks, but 2.4 in MobileNet-v3 large
}
"""Largest error that a precision explains, in standard deviations of the reference logits.

Measured with random weights on PyTorch and OpenVINO; logits of another network are off by 3 to 8.
int8 was calibrated with the images it was judged by, and only its limit is that close to 3: its verdict
detects a broken quantisation and does not certify a good one. Only measured accuracy tells its cost.
TF32, whose 11 bits would need f16's tolerance, is switched off wherever f32 is requested.
"""

F32_ROUNDING_FACTOR = 10.0
"""How many times PyTorch's own f32 rounding error another order of sums may cost.

OpenVINO cost 0.9 to 3.2 times as much in 16 networks of random weights at 64 and 224 pixels (12 of them under
AVX2 too), and 1.3 to 1.7 times in the deep ones, whose error passes 1e-3: ResNet-152, Wide ResNet-101-2.
"""

OK, BEYOND = ParityVerdict.OK, ParityVerdict.BEYOND
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

    def verdict(self, precision: Precision, rounding_error: float = 0.0) -> str:
        """Return ``ok``, or ``beyond tolerance``, also where an output is not a number."""
        return OK if self.max_error <= tolerance(precision, rounding_error) else BEYOND


def tolerance(precision: Precision, rounding_error: float) -> float:
    """Return the largest error that ``precision`` explains, in standard deviations of the logits.

    Args:
        precision: of the backend's arithmetic.
        rounding_error: error of PyTorch's f32 against its f64, for the same network and images. It
            raises the limit of f32, up to that of f16.
    """
    limit = TOLERANCE[precision]
    if precision != Precision.f32 or np.isnan(rounding_error):
        return limit
    return max(limit, min(F32_ROUNDING_FACTOR * rounding_error, TOLERANCE[Precision.f16]))


def compare(output: Logits, reference: Logits | NDArray[np.float64]) -> Parity:
    """Compare logits of the same images, both of shape ``(images, classes)``."""
    actual, expected = output.astype(np.float64), reference.astype(np.float64)
    norms = np.linalg.norm(actual, axis=1) * np.linalg.norm(expected, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = (actual * expected).sum(axis=1) / norms
        error = np.abs(actual - expected).max() / expected.std()
    same = actual.argmax(axis=1) == expected.argmax(axis=1)
    return Parity(float(error), float(cosines.min()), 100 * float(same.mean()))
