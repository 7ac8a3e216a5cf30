"""CIFAR-10 and CIFAR-100 as torchvision keeps them; they are read, never downloaded."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perfexp.cache import Cache
from perfexp.config.settings import DatasetConfig
from perfexp.errors import DataError
from perfexp.evaluation.datasets.base import Dataset, Item, folder

if TYPE_CHECKING:
    from PIL.Image import Image

_CLASSES = {10: "CIFAR10", 100: "CIFAR100"}


@dataclass
class CifarConfig(DatasetConfig):
    """``path`` holds ``cifar-10-batches-py`` or ``cifar-100-python``; ``train`` reads the other part."""

    name: str = "cifar"
    classes: int = 10
    train: bool = False


class Cifar(Dataset):
    """Arrays in memory, 32 × 32 pixels."""

    Config = CifarConfig

    def __init__(self, config: CifarConfig, cache: Cache) -> None:
        from torchvision import datasets

        root = folder(config)
        if config.classes not in _CLASSES:
            raise DataError(f"CIFAR has 10 or 100 classes, but got {config.classes}; set dataset.classes.")
        name = _CLASSES[config.classes]
        try:
            self._stored = getattr(datasets, name)(str(root), train=config.train, download=False)
        except (RuntimeError, OSError, EOFError) as error:
            raise DataError(
                f"{root} holds no {name} in torchvision's format ({str(error).splitlines()[0]}); give the "
                f"folder that holds {getattr(datasets, name).base_folder}."
            ) from error
        part = "train" if config.train else "test"
        pixels = self._stored.data[0].size
        self.items = [Item(f"{part}/{i}", int(label), pixels) for i, label in enumerate(self._stored.targets)]
        self.class_names = self._stored.classes
        self.labelled_by = f"{name}'s own files"

    def open(self, index: int) -> "Image":
        from PIL import Image

        return Image.fromarray(self._stored.data[index])


DATASET = Cifar
