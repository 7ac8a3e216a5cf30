"""The contract of a data set: labelled items, each of which opens as an RGB image."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from omegaconf import MISSING

from perfexp.cache import digest
from perfexp.config.options import option
from perfexp.errors import DataError
from perfexp.evaluation.datasets._images import is_image, open_rgb

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass
class DatasetConfig:
    """What every data set has; each adds fields in its module."""

    name: str = MISSING
    path: str | None = option(None, "folder of the images")


@dataclass(frozen=True)
class Item:
    """One image: its name within the data set, its class, and the size of its file in bytes."""

    name: str
    label: int
    size: int


class Dataset(ABC):
    """Labelled images in a fixed order. Objects are pickled to the processes that decode.

    Attributes:
        items: every image, in order.
        class_names: names of the classes, in the order of a model's outputs.
        labelled_by: where the labels come from.
    """

    Config: ClassVar[type[DatasetConfig]] = DatasetConfig
    items: Sequence[Item]
    class_names: Sequence[str]
    labelled_by: str

    @abstractmethod
    def __init__(self, config: DatasetConfig) -> None:
        """Find and label the images that ``config`` names.

        Raises:
            DataError: images or labels are missing, or do not fit each other.
        """

    @abstractmethod
    def open(self, index: int) -> "Image":
        """Return item ``index`` as an image of mode RGB.

        Raises:
            DataError: it is missing, truncated or no image.
        """

    @cached_property
    def digest(self) -> str:
        """Hash of the items' names, classes and sizes, not of their pixels."""
        return digest(
            {"items": [(i.name, i.label, i.size) for i in self.items], "classes": len(self.class_names)}
        )


class FolderDataset(Dataset):
    """Items that are files below ``root``."""

    root: Path

    def open(self, index: int) -> "Image":
        return open_rgb(self.root / self.items[index].name)


def path_of(config: DatasetConfig) -> Path:
    """Return ``dataset.path``.

    Raises:
        DataError: none was given.
    """
    if config.path is None:
        raise DataError(f"dataset={config.name} has no path; give one, as in dataset.path=/data/images.")
    return Path(config.path).expanduser()


def folder(config: DatasetConfig) -> Path:
    """Return the folder that ``dataset.path`` names.

    Raises:
        DataError: none was given, or it is no folder.
    """
    path = path_of(config)
    if not path.is_dir():
        raise DataError(f"dataset.path={path} is not a folder; give the folder that holds the images.")
    return path


def images_below(root: Path) -> list[Path]:
    """Return every image file below ``root``, sorted.

    Raises:
        DataError: there is none.
    """
    found = sorted(path for path in root.rglob("*") if is_image(path) and path.is_file())
    if not found:
        raise DataError(f"There is no image below {root}; check dataset.path.")
    return found


def item(root: Path, path: Path, label: int) -> Item:
    """Return the file as an item named relative to ``root``."""
    return Item(path.relative_to(root).as_posix(), label, path.stat().st_size)
