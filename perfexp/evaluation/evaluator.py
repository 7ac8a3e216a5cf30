"""The loop: a shard is decoded, then inferred, then scored and stored, so that each is timed alone.

The device is locked throughout: no measurement runs beside an evaluation, its decoding included.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np

from perfexp import backends
from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.errors import DataError
from perfexp.evaluation.inference import Inference
from perfexp.evaluation.loading import Decoded, ImageLoader, calibrate
from perfexp.evaluation.plan import Plan
from perfexp.evaluation.reference import Reference, cell_of
from perfexp.evaluation.scores import Logits, Scores, score
from perfexp.evaluation.shards import Shard, ShardStore
from perfexp.worker import device_lock


@dataclass(frozen=True)
class Evaluation:
    """All shards together; ``effective`` is empty where every shard was stored before."""

    scored: Shard
    effective: dict[str, str]
    resumed_images: int


class Evaluator:
    """Runs a plan; processes start only if a shard is missing."""

    def __init__(self, plan: Plan, cache: Cache) -> None:
        self._plan = plan
        self._cache = cache
        self.shards = ShardStore(cache, plan.key)
        self._effective: dict[str, str] = {}

    def run(self, done: Callable[[int], None]) -> Evaluation:
        """Evaluate every image; ``done`` receives the number of images of each finished shard.

        Raises:
            DataError: no image could be decoded, or model and data set differ in their classes.
            BackendError: the model could not be loaded, its process ended, or the device was not free.
            CacheError: the cache cannot be written.
        """
        plan = self._plan
        starts = range(0, len(plan.dataset.items), plan.images_at_once)
        shards = {start: shard for start in starts if (shard := self.shards.find(start)) is not None}
        for start in shards:
            done(self._length(start))
        missing = [start for start in starts if start not in shards]
        resumed = sum(self._length(start) for start in shards)
        shards |= self._evaluated(missing, done)
        scored = _joined([shards[start] for start in starts])
        if not scored.indices:
            place, reason = next(iter(scored.corrupt.items()))
            raise DataError(
                f"None of the {len(scored.corrupt)} images could be decoded (first: "
                f"{plan.dataset.items[place].name}: {reason}); check the files."
            )
        return Evaluation(scored, self._effective, resumed)

    def _length(self, start: int) -> int:
        return min(self._plan.images_at_once, len(self._plan.dataset.items) - start)

    def _evaluated(self, starts: Sequence[int], done: Callable[[int], None]) -> dict[int, Shard]:
        made: dict[int, Shard] = {}
        if not starts:
            return made
        plan, cell = self._plan, self._plan.cell
        loader = ImageLoader(plan.dataset, plan.preprocessing, plan.workers)
        device = backends.create(cell.backend).physical_device()
        with ExitStack() as stack:
            note = stack.enter_context(device_lock.held(device, cell.measure.lock_wait_s))
            loader.start(starts[0])
            calibrate(cell, loader, self._cache)
            model = stack.enter_context(closing(Inference(cell)))
            self._effective = {**model.effective, **({"device_lock": note} if note else {})}
            facts = plan.reference_facts
            reference = None if facts is None else Reference(cell, self._cache, facts, stack)
            for start in starts:
                indices = range(start, start + self._length(start))
                made[start] = self._shard(indices, loader, model, reference)
                self.shards.store(start, made[start])
                done(self._length(start))
        return made

    def _shard(
        self, indices: Sequence[int], loader: ImageLoader, model: Inference, reference: Reference | None
    ) -> Shard:
        data_before, model_before = loader.seconds, model.seconds
        decoded = loader.read(indices)
        labels = np.array([self._plan.dataset.items[i].label for i in decoded.indices], dtype=np.int64)
        logits = self._logits(decoded, model)
        return Shard(
            indices=decoded.indices,
            scores=score(logits, labels, self._compared(decoded, logits, reference)),
            corrupt=decoded.corrupt,
            data_s=loader.seconds - data_before,
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
        """Return the reference's logits; store these, and return None, where they are the reference."""
        if reference is None or not decoded.indices:
            return None
        if is_reference(self._plan.cell):
            reference.store(logits, decoded.indices)
            return None
        return reference.logits(decoded.images, decoded.indices)


def is_reference(cell: Cell) -> bool:
    """Return whether the cell infers as the reference does."""
    return cell_of(cell).backend == cell.backend


def _joined(shards: Sequence[Shard]) -> Shard:
    return Shard(
        indices=[index for shard in shards for index in shard.indices],
        scores=Scores.joined([shard.scores for shard in shards]),
        corrupt={index: reason for shard in shards for index, reason in shard.corrupt.items()},
        data_s=sum(shard.data_s for shard in shards),
        model_s=sum(shard.model_s for shard in shards),
    )
