"""Images of one colour, in two classes."""

from dataclasses import dataclass

from perfexp.config.schema import option
from perfexp.evaluation.datasets.base import Dataset, DatasetConfig, Item


@dataclass
class ToyConfig(DatasetConfig):
    """``images`` is their number."""

    name: str = "toy"
    images: int = option(2, "number of images")


class Toy(Dataset):
    """Black and white."""

    Config = ToyConfig

    def __init__(self, config):
        self.items = [Item(str(number), number % 2, 1) for number in range(config.images)]
        self.class_names = ["black", "white"]
        self.labelled_by = "its own code"

    def open(self, index):
        from PIL import Image

        return Image.new("RGB", (32, 32), (255 * (index % 2),) * 3)


DATASET = Toy
