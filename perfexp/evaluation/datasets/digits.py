"""scikit-learn's 1797 handwritten digits, 8 × 8 grey: a real data set without a download."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perfexp.evaluation.datasets.base import Dataset, DatasetConfig, Item

if TYPE_CHECKING:
    from PIL.Image import Image

_TRAIN = 1347
"""The first three quarters; the rest is held out."""


@dataclass
class DigitsConfig(DatasetConfig):
    """``train`` reads the first three quarters instead of the last."""

    name: str = "digits"
    train: bool = False


class Digits(Dataset):
    """Arrays in memory."""

    Config = DigitsConfig

    def __init__(self, config: DigitsConfig) -> None:
        from sklearn.datasets import load_digits

        part = slice(None, _TRAIN) if config.train else slice(_TRAIN, None)
        stored = load_digits()
        self._pixels = (stored.images[part] * (255 / 16)).round().astype(np.uint8)
        numbered = list(enumerate(stored.target))[part]
        self.items = [Item(str(number), int(digit), 64) for number, digit in numbered]
        self.class_names = [str(digit) for digit in range(10)]
        self.labelled_by = "scikit-learn's load_digits"

    def open(self, index: int) -> "Image":
        from PIL import Image

        return Image.fromarray(self._pixels[index]).convert("RGB")


DATASET = Digits
