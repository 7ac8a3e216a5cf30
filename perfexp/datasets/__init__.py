"""Labelled images: each module here but ``base`` is a data set, or a layout of one, found by name."""

from perfexp import registry
from perfexp.cache import Cache
from perfexp.datasets.base import Dataset, Item
from perfexp.errors import DataError
from perfexp.settings import DatasetConfig

__all__ = ["Dataset", "Item", "create", "dataset_class", "names"]


def names() -> list[str]:
    """Names that ``dataset=`` may take."""
    return registry.names(__name__)


def dataset_class(name: str) -> type[Dataset]:
    """The class of the data set called ``name``.

    Raises:
        DataError: there is no such data set.
    """
    found: type[Dataset] = registry.find(__name__, name, "data set", DataError).DATASET
    return found


def create(config: DatasetConfig, cache: Cache) -> Dataset:
    """The data set that ``config`` names, its images found and labelled.

    Raises:
        DataError: images or labels are missing, or do not fit each other.
    """
    return dataset_class(config.name)(config, cache)
