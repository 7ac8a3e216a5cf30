from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from perfexp.charts import samples as picture

SAMPLES = [5.0, 5.1, 5.2, 5.1, 5.05, 5.3]


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))


def test_a_small_png_that_shows_the_samples() -> None:
    drawn = picture.draw(SAMPLES, [40.0, 6.0], "resnet18 torch b1", (5.05, 5.2))
    assert pixels(drawn).shape == (300, 900, 3)
    assert len(drawn) < 60_000
    other = picture.draw([*SAMPLES[:-1], 5.15], [40.0, 6.0], "resnet18 torch b1", (5.05, 5.2))
    assert not np.array_equal(pixels(drawn), pixels(other))


@pytest.mark.parametrize("samples", [[1.0], [2.0] * 10, [0.001, 5000.0]])
def test_odd_samples_are_drawn_too(samples: list[float]) -> None:
    assert pixels(picture.draw(samples, [], "fake", None)).shape == (300, 900, 3)


def test_warmup_does_not_squeeze_the_timed_batches() -> None:
    low, high = picture._limits(SAMPLES)
    assert 4.9 < low < 5.0 and 5.3 < high < 5.4


def test_no_picture_shows_through_the_next() -> None:
    alone = picture.draw(SAMPLES, [40.0, 6.0], "first", (5.05, 5.2))
    picture.draw([500.0] * 50 + [900.0] * 50, [], "second", None)
    assert np.array_equal(pixels(picture.draw(SAMPLES, [40.0, 6.0], "first", (5.05, 5.2))), pixels(alone))
