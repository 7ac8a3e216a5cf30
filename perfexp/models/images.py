"""Images that are not evaluated: a seeded random stream for timing, and int8's calibration images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perfexp.cache import Cache, digest
from perfexp.config.schema import Cell
from perfexp.models.base import Calibration, Images

CALIBRATION_IMAGES = 64
"""Calibration with 64 or with all of 118 labelled photos changed at most one right answer in two networks."""

_KIND = "calibration"


def random_batches(seed: int, batches: int, batch_size: int, input_size: int) -> Sequence[Images]:
    """Return standard-normal noise, each batch of shape ``(batch_size, 3, input_size, input_size)``.

    The stream does not depend on the batch size: the first images at batch size 1 are the first
    images at any other.
    """
    generator = np.random.default_rng(seed)
    shape = (batch_size, 3, input_size, input_size)
    return [generator.standard_normal(shape, dtype=np.float32) for _ in range(batches)]


@dataclass(frozen=True)
class RandomCalibration:
    """The first images of the seeded stream that the cell is timed with."""

    seed: int
    input_size: int

    @property
    def key(self) -> str:
        return digest({"seed": self.seed, "input_size": self.input_size, "images": CALIBRATION_IMAGES})

    @property
    def origin(self) -> str:
        return f"{CALIBRATION_IMAGES} random inputs of seed {self.seed}, which are no photos"

    def images(self) -> Iterable[Images]:
        return random_batches(self.seed, CALIBRATION_IMAGES, 1, self.input_size)


@dataclass(frozen=True)
class StoredCalibration:
    """Images that :func:`store_calibration` has written."""

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


def calibration_of(cell: Cell, input_size: int) -> Calibration:
    """Return the cell's calibration images."""
    if cell.calibration is None:
        return RandomCalibration(cell.seed, input_size)
    return StoredCalibration(Cache(Path(cell.cache_dir)).entry(_KIND, cell.calibration))


def is_calibration_stored(cache: Cache, key: str) -> bool:
    """Return whether the images of ``Cell.calibration=key`` are in the cache."""
    return cache.has(_KIND, key)


def store_calibration(cache: Cache, key: str, images: Images, origin: str) -> None:
    """Write images of shape ``(images, 3, height, width)`` as ``key``; ``origin`` describes them.

    Raises:
        CacheError: the cache cannot be written.
    """
    with cache.writing(_KIND, key) as folder:
        np.save(folder / "images.npy", images)
        (folder / "origin.txt").write_text(origin, encoding="utf-8")
