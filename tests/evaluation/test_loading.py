from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perfexp.evaluation import datasets
from perfexp.evaluation.datasets.base import DatasetConfig
from perfexp.evaluation.loading import ImageLoader
from perfexp.models import sources


@pytest.mark.slow
def test_images_come_in_order_and_corrupt_ones_with_their_reason(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "only"
    folder.mkdir(parents=True)
    for number in range(11):
        Image.new("RGB", (40, 30), (number * 20, 0, 0)).save(folder / f"{number:02}.png")
    (folder / "05.png").write_bytes((folder / "05.png").read_bytes()[:60])
    dataset = datasets.create(DatasetConfig("imagefolder", str(folder.parent)))
    path = ImageLoader(dataset, sources.source("torchvision").preprocessing("resnet18", 32, None), workers=2)
    path.start(0)
    assert path.seconds == 0
    first, second = path.read(range(4)), path.read(range(4, 11))
    assert path.seconds > 0
    assert first.images.shape == (4, 3, 32, 32) and first.images.dtype == np.float32
    assert (first.indices, second.indices) == ([0, 1, 2, 3], [4, 6, 7, 8, 9, 10])
    assert list(second.corrupt) == [5] and "truncated" in second.corrupt[5]
    reds = np.concatenate([first.images, second.images])[:, 0, 16, 16]
    assert (np.diff(reds) > 0).all()
