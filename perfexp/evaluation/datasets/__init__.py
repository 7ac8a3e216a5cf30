"""Labelled images: each module here but ``base`` is a data set, or a layout of one, found by name."""

from perfexp.evaluation.datasets.base import Dataset, DatasetConfig
from perfexp.plugins import DATASETS


def create(config: DatasetConfig) -> Dataset:
    """Return the data set that ``config`` names; raise DataError if its images or labels are missing."""
    dataset: Dataset = DATASETS.find(config.name)(config)
    return dataset
