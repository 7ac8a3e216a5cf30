"""Data sets in torchvision's layout below ``dataset.path``, which torchvision can download."""

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from perfexp.errors import DataError, first_line
from perfexp.evaluation.datasets.base import DatasetConfig, path_of

_Read = TypeVar("_Read")


@dataclass
class TorchvisionConfig(DatasetConfig):
    """``train`` reads the other part, ``download`` fetches the set into ``path`` if it is not there."""

    train: bool = False
    download: bool = False


def read(config: TorchvisionConfig, name: str, folder: str, reader: Callable[[Path], _Read]) -> _Read:
    """Return what ``reader`` makes of ``dataset.path``, downloading first where that is requested.

    Args:
        config: path and permission to download.
        name: of the data set, for messages.
        folder: what ``dataset.path`` has to contain.
        reader: opens the set with torchvision.

    Raises:
        DataError: the set is not there, or cannot be downloaded.
    """
    root = path_of(config)
    try:
        if config.download:
            root.mkdir(parents=True, exist_ok=True)
        return reader(root)
    except (RuntimeError, OSError, EOFError, tarfile.TarError) as error:
        reason = first_line(error).split(". ")[0].rstrip(".")
        if config.download:
            raise DataError(
                f"{name} could not be downloaded to {root} ({reason}); go online once, or give a "
                f"dataset.path that holds {folder}."
            ) from error
        raise DataError(
            f"{root} holds no {name} in torchvision's format ({reason}); set dataset.download=true, or "
            f"give the dataset.path that holds {folder}."
        ) from error
