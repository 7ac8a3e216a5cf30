"""Shards of an evaluation: each is written whole or not at all, and found again after a kill."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from perfexp.cache import Cache
from perfexp.evaluation.scores import Scores

_KIND = "evaluation"


@dataclass(frozen=True)
class Shard:
    """Consecutive images and their scores.

    Attributes:
        indices: positions in the data set of the images that decoded.
        scores: one row for each of them.
        corrupt: positions of those that did not decode, with reasons.
        data_s: wall time of decoding.
        model_s: wall time of the forward passes.
    """

    indices: Sequence[int]
    scores: Scores
    corrupt: dict[int, str]
    data_s: float
    model_s: float


class ShardStore:
    """The shards of the evaluation with this key."""

    def __init__(self, cache: Cache, key: str) -> None:
        self._cache = cache
        self._kind = f"{_KIND}/{key}"

    def store(self, start: int, shard: Shard) -> None:
        """Write the shard that begins at image ``start``.

        Raises:
            CacheError: the cache cannot be written.
        """
        with self._cache.writing(self._kind, str(start)) as folder:
            np.savez(folder / "scores.npz", **{f.name: getattr(shard.scores, f.name) for f in fields(Scores)})
            rest = {k: v for k, v in asdict(shard).items() if k != "scores"}
            (folder / "part.json").write_text(json.dumps(rest))

    def find(self, start: int) -> Shard | None:
        """Return the shard that begins at image ``start``, if it was stored."""
        if not self._cache.has(self._kind, str(start)):
            return None
        folder = self._cache.entry(self._kind, str(start))
        rest = json.loads((folder / "part.json").read_text())
        corrupt = {int(index): reason for index, reason in rest.pop("corrupt").items()}
        return Shard(scores=_scores(folder / "scores.npz"), corrupt=corrupt, **rest)

    def forget(self) -> None:
        """Remove all shards, once the evaluation is a run."""
        shutil.rmtree(self._cache.root / self._kind, ignore_errors=True)


def _scores(path: Path) -> Scores:
    with np.load(path, allow_pickle=False) as arrays:
        return Scores(**arrays)
