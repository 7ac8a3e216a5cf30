"""Labelled images: each module here but ``base`` is a data set, or a layout of one, found by name."""

from perfexp.evaluation.datasets.base import Dataset, DatasetConfig, Item
from perfexp.plugins import DATASETS

__all__ = ["Dataset", "Item", "create", "dataset_class", "names"]


def names() -> list[str]:
    """Return the names that ``dataset=`` may take."""
    return DATASETS.names()


def dataset_class(name: str) -> type[Dataset]:
    """Return the class of the data set called ``name``.

    Raises:
        DataError: there is no such data set.
    """
    found: type[Dataset] = DATASETS.find(name).DATASET
    return found


def create(config: DatasetConfig) -> Dataset:
    """Return the data set that ``config`` names, its images found and labelled.

    Raises:
        DataError: images or labels are missing, or do not fit each other.
    """
    return dataset_class(config.name)(config)
