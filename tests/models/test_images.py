import numpy as np
import pytest

from perfexp.models.images import random_batches


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8])
def test_the_first_images_are_the_same_at_any_batch_size(batch_size: int) -> None:
    [expected] = random_batches(5, 1, 8, 4)
    images = np.concatenate(random_batches(5, 4, batch_size, 4))[:8]
    assert np.array_equal(images, expected[: len(images)])


def test_batches_and_seeds_differ() -> None:
    first, second = random_batches(0, 2, 2, 4)
    assert first.shape == (2, 3, 4, 4)
    assert first.dtype == np.float32
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, random_batches(1, 1, 2, 4)[0])
