"""The images that int8's ranges are read from: a cell's own random ones, or a data set's, kept before."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perfexp.backends.base import Calibration, Images
from perfexp.cache import Cache, digest
from perfexp.config.schema import Cell
from perfexp.models.inputs import random_batches

IMAGES = 64
"""Two networks calibrated with 64 or all of 118 labelled photos got the same right, to within one."""

_KIND = "calibration"


@dataclass(frozen=True)
class RandomImages:
    """The first images of the cell's seeded stream, which it is timed with."""

    seed: int
    input_size: int

    @property
    def key(self) -> str:
        return digest({"seed": self.seed, "input_size": self.input_size, "images": IMAGES})

    @property
    def origin(self) -> str:
        return f"{IMAGES} random inputs of seed {self.seed}, which are no photos"

    def images(self) -> Iterable[Images]:
        return random_batches(self.seed, IMAGES, 1, self.input_size)


@dataclass(frozen=True)
class KeptImages:
    """What :func:`keep` has written."""

    folder: Path

    @property
    def key(self) -> str:
        return self.folder.name

    @property
    def origin(self) -> str:
        return (self.folder / "origin.txt").read_text(encoding="utf-8")

    def images(self) -> Iterable[Images]:
        stored: Images = np.load(self.folder / "images.npy", allow_pickle=False)
        return np.split(stored, len(stored))


def of(cell: Cell, input_size: int) -> Calibration:
    """The cell's calibration images, should its precision need some."""
    if cell.calibration is None:
        return RandomImages(cell.seed, input_size)
    return KeptImages(Cache(Path(cell.cache_dir)).entry(_KIND, cell.calibration))


def is_kept(cache: Cache, key: str) -> bool:
    """Whether ``Cell.calibration=key`` will find its images."""
    return cache.has(_KIND, key)


def keep(cache: Cache, key: str, images: Images, origin: str) -> None:
    """Write images of shape ``(images, 3, height, width)`` as ``key``; ``origin`` says what they are.

    Raises:
        CacheError: the cache cannot be written.
    """
    with cache.writing(_KIND, key) as folder:
        np.save(folder / "images.npy", images)
        (folder / "origin.txt").write_text(origin, encoding="utf-8")
