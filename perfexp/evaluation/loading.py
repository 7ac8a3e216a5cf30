"""Decoding and transforming, in worker processes that are idle while the model is timed."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.errors import DataError, first_line
from perfexp.evaluation.datasets.base import Dataset
from perfexp.models.base import Images
from perfexp.models.images import CALIBRATION_IMAGES, is_calibration_stored, store_calibration
from perfexp.worker import process

if TYPE_CHECKING:
    from torch.utils.data import Dataset as TorchDataset

    from perfexp.models.base import Preprocessing

_BATCH = 8


@dataclass(frozen=True)
class Decoded:
    """Transformed images, ``(images, 3, height, width)``, and those that did not decode.

    ``indices`` are the images' positions in the data set; ``corrupt`` maps other positions to reasons.
    """

    images: Images
    indices: Sequence[int]
    corrupt: dict[int, str]


@dataclass
class Transformed:
    """Decodes and transforms one index; a plain object, so that it can be sent to a worker process."""

    dataset: Dataset
    preprocessing: "Preprocessing"

    def __len__(self) -> int:
        return len(self.dataset.items)

    def __getitem__(self, index: int) -> tuple[int, Images | str]:
        try:
            image = self.dataset.open(index)
        except DataError as error:
            return index, str(error)
        return index, self.preprocessing.transform(image).numpy()


@dataclass
class _Batches:
    """The indices of the current shard in small batches; the loader iterates anew for each shard."""

    indices: Sequence[int] = field(default_factory=list)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self.indices), _BATCH):
            yield list(self.indices[start : start + _BATCH])


class ImageLoader:
    """Reads images of a data set; ``seconds`` is the wall time that reading took so far."""

    def __init__(self, dataset: Dataset, preprocessing: "Preprocessing", workers: int) -> None:
        from torch.utils.data import DataLoader

        self.dataset = dataset
        self._batches = _Batches()
        self._loader: Iterable[list[tuple[int, Images | str]]] = DataLoader(
            cast("TorchDataset[object]", Transformed(dataset, preprocessing)),
            batch_sampler=self._batches,
            num_workers=workers,
            collate_fn=list,
            persistent_workers=True,
            worker_init_fn=process.obey_parent,
            multiprocessing_context=process.process_context(),
        )
        self.seconds = 0.0

    def start(self, index: int) -> None:
        """Start the processes and their imports, by reading one image that is not counted."""
        self._batches.indices = [index]
        self._read()

    def _read(self) -> list[tuple[int, Images | str]]:
        try:
            return [pair for batch in self._loader for pair in batch]
        except RuntimeError as error:
            raise DataError(
                f"A process that decodes images ended ({first_line(error)}); take fewer workers."
            ) from error

    def read(self, indices: Sequence[int]) -> Decoded:
        """Decode and transform the images at ``indices``, in order.

        Raises:
            DataError: a process ended, as it does when memory runs out.
        """
        began = time.perf_counter()
        self._batches.indices = indices
        read = self._read()
        self.seconds += time.perf_counter() - began
        good = [(index, image) for index, image in read if not isinstance(image, str)]
        return Decoded(
            images=np.stack([image for _, image in good]) if good else np.empty((0, 3, 0, 0), np.float32),
            indices=[index for index, _ in good],
            corrupt={index: reason for index, reason in read if isinstance(reason, str)},
        )


def calibrate(cell: Cell, loader: ImageLoader, cache: Cache) -> None:
    """Store the images that ``cell.calibration`` names, unless there are none or they are stored.

    They are drawn by seed from the images that are evaluated: a small data set has none to spare.
    Labels play no part, and the run says where the images come from.

    Raises:
        DataError: none of those drawn could be decoded.
        CacheError: the cache cannot be written.
    """
    if cell.calibration is None or is_calibration_stored(cache, cell.calibration):
        return
    total = len(loader.dataset.items)
    count = min(total, CALIBRATION_IMAGES)
    drawn = np.random.default_rng(cell.seed).choice(total, count, replace=False)
    decoded = loader.read(np.sort(drawn).tolist())
    if not decoded.indices:
        raise DataError(
            f"None of the {count} images drawn for int8's calibration could be decoded; check the files, or "
            "give another seed."
        )
    origin = f"{len(decoded.indices)} of the {total} images that are evaluated, drawn by seed {cell.seed}"
    store_calibration(cache, cell.calibration, decoded.images, origin)
