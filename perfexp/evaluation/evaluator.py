"""The loop: a part is decoded, then inferred, then scored and kept; one after the other.

Decoding and inference take turns, so that neither is timed while the other has the processors. The
device is held throughout: no measurement runs beside an evaluation, its decoding included.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from perfexp import backends
from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.errors import DataError
from perfexp.evaluation.calibrating import calibrate
from perfexp.evaluation.datasets import Dataset
from perfexp.evaluation.inference import Inference
from perfexp.evaluation.loading import DataPath, Decoded
from perfexp.evaluation.reference import Reference, cell_of
from perfexp.evaluation.scores import Logits, Scores, score
from perfexp.evaluation.shards import Part, Parts
from perfexp.models.sources import Preprocessing
from perfexp.worker import device_lock


@dataclass(frozen=True)
class Plan:
    """What is evaluated, and how.

    Attributes:
        cell: the network, its weights, backend and batch size.
        dataset: the labelled images.
        preprocessing: from an image to the network's input.
        key: hash of all that decides the result; parts of a stopped evaluation are found by it.
        reference_facts: what decides the reference's logits; None compares with none.
        workers: processes that decode.
        images_at_once: images of a part.
    """

    cell: Cell
    dataset: Dataset
    preprocessing: Preprocessing
    key: str
    reference_facts: dict[str, object] | None
    workers: int
    images_at_once: int


@dataclass(frozen=True)
class Evaluation:
    """All parts together; what the runtime reports is empty where every part was kept before."""

    part: Part
    effective: dict[str, str]
    resumed_images: int


class Evaluator:
    """Runs a plan; processes start only if a part is not there yet."""

    def __init__(self, plan: Plan, cache: Cache) -> None:
        self._plan = plan
        self._cache = cache
        self.parts = Parts(cache, plan.key)
        self._effective: dict[str, str] = {}

    def run(self, done: Callable[[int], None]) -> Evaluation:
        """Evaluate every image; ``done`` hears how many more are through.

        Raises:
            DataError: no image could be decoded, or model and data set have other classes.
            BackendError: the model could not be loaded, its process ended, or the device was not free.
            CacheError: the cache cannot be written.
        """
        plan = self._plan
        starts = range(0, len(plan.dataset.items), plan.images_at_once)
        kept = {start: part for start in starts if (part := self.parts.find(start)) is not None}
        for start in kept:
            done(self._length(start))
        missing = [start for start in starts if start not in kept]
        for start, part in self._evaluated(missing, done):
            kept[start] = part
        whole = _joined([kept[start] for start in starts])
        if not whole.indices:
            place, reason = next(iter(whole.corrupt.items()))
            raise DataError(
                f"None of the {len(whole.corrupt)} images could be decoded (first: "
                f"{plan.dataset.items[place].name}: {reason}); check the files."
            )
        resumed = sum(self._length(start) for start in starts if start not in missing)
        return Evaluation(whole, self._effective, resumed)

    def _length(self, start: int) -> int:
        return min(self._plan.images_at_once, len(self._plan.dataset.items) - start)

    def _evaluated(self, starts: Sequence[int], done: Callable[[int], None]) -> "list[tuple[int, Part]]":
        if not starts:
            return []
        made = []
        plan, cell = self._plan, self._plan.cell
        data = DataPath(plan.dataset, plan.preprocessing, plan.workers)
        device = backends.create(cell.backend).physical_device()
        with ExitStack() as stack:
            stack.enter_context(device_lock.held(device, cell.measure.lock_wait_s, _say))
            data.start(starts[0])
            calibrate(cell, plan.dataset, data, self._cache)
            model = stack.enter_context(Inference(cell))
            self._effective = dict(model.effective)
            reference = self._reference(stack)
            for start in starts:
                part = self._part(range(start, start + self._length(start)), data, model, reference)
                self.parts.keep(start, part)
                made.append((start, part))
                done(self._length(start))
        return made

    def _reference(self, stack: ExitStack) -> Reference | None:
        facts = self._plan.reference_facts
        if facts is None:
            return None
        return stack.enter_context(Reference(self._plan.cell, self._cache, facts))

    def _part(
        self, indices: Sequence[int], data: DataPath, model: Inference, reference: Reference | None
    ) -> Part:
        data_before, model_before = data.seconds, model.seconds
        decoded = data.read(indices)
        labels = np.array([self._plan.dataset.items[i].label for i in decoded.indices], dtype=np.int64)
        logits = self._logits(decoded, model)
        return Part(
            indices=decoded.indices,
            scores=score(logits, labels, self._compared(decoded, logits, reference)),
            corrupt=decoded.corrupt,
            data_s=data.seconds - data_before,
            model_s=model.seconds - model_before,
        )

    def _logits(self, decoded: Decoded, model: Inference) -> Logits:
        classes = len(self._plan.dataset.class_names)
        if not decoded.indices:
            return np.empty((0, classes), np.float32)
        logits = model.logits(decoded.images)
        if logits.shape[1] != classes:
            raise DataError(
                f"The model tells {logits.shape[1]} classes apart, but the data set has {classes}; "
                "evaluate a model of these classes."
            )
        return logits

    def _compared(self, decoded: Decoded, logits: Logits, reference: Reference | None) -> Logits | None:
        """The reference's logits; none where these are the reference's own, which are kept."""
        if reference is None or not decoded.indices:
            return None
        if is_reference(self._plan.cell):
            reference.keep(logits, decoded.indices)
            return None
        return reference.logits(decoded.images, decoded.indices)


def _say(line: str) -> None:
    print(line, flush=True)


def is_reference(cell: Cell) -> bool:
    """Whether the cell infers as the reference does."""
    return cell_of(cell).backend == cell.backend


def _joined(parts: Sequence[Part]) -> Part:
    return Part(
        indices=[index for part in parts for index in part.indices],
        scores=Scores.joined([part.scores for part in parts]),
        corrupt={index: reason for part in parts for index, reason in part.corrupt.items()},
        data_s=sum(part.data_s for part in parts),
        model_s=sum(part.model_s for part in parts),
    )
