"""Images that are not evaluated: a seeded random stream for timing, and int8's calibration images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from perfexp.cache import Cache, digest
from perfexp.config.schema import Cell
from perfexp.models.base import Images

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
class Calibration:
    """Images from which the ranges of a quantised network are read.

    ``key`` is the hash of all that decides them, ``origin`` describes them for people, ``images`` returns
    batches of one image, each of shape ``(1, 3, height, width)``.
    """

    key: str
    origin: str
    images: Callable[[], Sequence[Images]]


def calibration_of(cell: Cell, input_size: int) -> Calibration:
    """Return the cell's calibration images: stored ones, or the first of the seeded stream."""
    if cell.calibration is None:
        facts = {"seed": cell.seed, "input_size": input_size, "images": CALIBRATION_IMAGES}
        origin = f"{CALIBRATION_IMAGES} random inputs of seed {cell.seed}, which are no photos"
        draw = partial(random_batches, cell.seed, CALIBRATION_IMAGES, 1, input_size)
        return Calibration(digest(facts), origin, draw)
    folder = Cache(Path(cell.cache_dir)).entry(_KIND, cell.calibration)

    def stored() -> Sequence[Images]:
        images: Images = np.load(folder / "images.npy", allow_pickle=False)
        return np.split(images, len(images))

    return Calibration(cell.calibration, (folder / "origin.txt").read_text(encoding="utf-8"), stored)


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
