"""CIFAR-10 and CIFAR-100 as torchvision stores them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perfexp.errors import DataError
from perfexp.evaluation.datasets._torchvision import TorchvisionConfig, read
from perfexp.evaluation.datasets.base import Dataset, Item

if TYPE_CHECKING:
    from PIL.Image import Image

_CLASSES = {10: "CIFAR10", 100: "CIFAR100"}


@dataclass
class CifarConfig(TorchvisionConfig):
    """``path`` holds ``cifar-10-batches-py`` or ``cifar-100-python``."""

    name: str = "cifar"
    classes: int = 10


class Cifar(Dataset):
    """Arrays in memory, 32 × 32 pixels."""

    Config = CifarConfig

    def __init__(self, config: CifarConfig) -> None:
        from torchvision import datasets

        if config.classes not in _CLASSES:
            raise DataError(f"CIFAR has 10 or 100 classes, but got {config.classes}; set dataset.classes.")
        name = _CLASSES[config.classes]
        kind = getattr(datasets, name)
        self._stored = read(
            config,
            name,
            kind.base_folder,
            lambda root: kind(str(root), train=config.train, download=config.download),
        )
        part = "train" if config.train else "test"
        pixels = self._stored.data[0].size
        self.items = [Item(f"{part}/{i}", int(label), pixels) for i, label in enumerate(self._stored.targets)]
        self.class_names = self._stored.classes
        self.labelled_by = f"{name}'s own files"

    def open(self, index: int) -> "Image":
        from PIL import Image

        return Image.fromarray(self._stored.data[index])


DATASET = Cifar
