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
"""Largest error a precision explains, in standard deviations of the reference logits.

Measured with random weights on PyTorch and OpenVINO; logits of another network are off by 3 to 8.
int8 was calibrated with the images it was judged by, and is the only one whose limit is that near: its
verdict tells a broken quantisation, not a good one. What it costs is told by measured accuracy alone.
TF32, whose 11 bits would need f16's tolerance, is switched off wherever f32 is asked for.
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
