from pathlib import Path

import numpy as np

from perfexp.cache import Cache
from perfexp.evaluation.scores import score
from perfexp.evaluation.shards import Shard, ShardStore

PART = Shard([0, 2], score(np.eye(3, 7, dtype=np.float32)[:2], np.array([0, 4])), {1: "truncated"}, 0.5, 0.25)


def test_a_kept_part_is_found_as_it_was(tmp_path: Path) -> None:
    parts = ShardStore(Cache(tmp_path), "key")
    assert parts.find(8) is None
    parts.store(8, PART)
    found = parts.find(8)
    assert found is not None
    assert (found.indices, found.corrupt, found.data_s, found.model_s) == (
        [0, 2],
        {1: "truncated"},
        0.5,
        0.25,
    )
    for name, array in vars(PART.scores).items():
        np.testing.assert_array_equal(getattr(found.scores, name), array)


def test_parts_of_another_key_are_not_found_and_forgetting_removes_all(tmp_path: Path) -> None:
    parts = ShardStore(Cache(tmp_path), "key")
    parts.store(0, PART)
    assert ShardStore(Cache(tmp_path), "other").find(0) is None
    parts.forget()
    assert parts.find(0) is None
