"""The images that int8's ranges are read from: some of those that are evaluated, drawn by seed.

A small data set has none to spare, so they are not held out; labels play no part. The run says so.
"""

import numpy as np

from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.errors import DataError
from perfexp.evaluation.datasets import Dataset
from perfexp.evaluation.loading import DataPath
from perfexp.models import images as images_


def calibrate(cell: Cell, dataset: Dataset, data: DataPath, cache: Cache) -> None:
    """Keep the images that ``cell.calibration`` names, where it names some that are not there yet.

    Raises:
        DataError: none of those drawn could be decoded.
        CacheError: the cache cannot be written.
    """
    if cell.calibration is None or images_.is_calibration_stored(cache, cell.calibration):
        return
    total = len(dataset.items)
    count = min(total, images_.CALIBRATION_IMAGES)
    drawn = np.random.default_rng(cell.seed).choice(total, count, replace=False)
    decoded = data.read(np.sort(drawn).tolist())
    if not decoded.indices:
        raise DataError(
            f"None of the {count} images drawn for int8's calibration could be decoded; check the files, or "
            "give another seed."
        )
    origin = f"{len(decoded.indices)} of the {total} images that are evaluated, drawn by seed {cell.seed}"
    images_.store_calibration(cache, cell.calibration, decoded.images, origin)
