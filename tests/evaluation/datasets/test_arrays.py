import pickle
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from perfexp.errors import DataError
from perfexp.evaluation import datasets
from perfexp.evaluation.datasets.cifar import CifarConfig
from perfexp.evaluation.datasets.digits import DigitsConfig


def test_digits_come_in_two_parts() -> None:
    train, held_out = (datasets.create(DigitsConfig(train=train)) for train in (True, False))
    assert (len(train.items), len(held_out.items)) == (1347, 450)
    assert not {i.name for i in train.items} & {i.name for i in held_out.items}
    assert held_out.open(3).mode == "RGB" and held_out.open(3).size == (8, 8)


def test_cifar_in_torchvisions_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout is the real one; only the real files' checksums are left out."""
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    pixels = np.arange(2 * 3072, dtype=np.uint32).astype(np.uint8).reshape(2, 3072)
    (folder / "test_batch").write_bytes(pickle.dumps({"data": pixels, "labels": [7, 2]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {i}" for i in range(10)]}))
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", None]])
    monkeypatch.setattr(CIFAR10, "train_list", [])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": None})
    found = datasets.create(CifarConfig(path=str(tmp_path)))
    assert [i.label for i in found.items] == [7, 2]
    assert found.class_names[7] == "class 7"
    assert found.open(1).getpixel((0, 0)) == tuple(pixels[1][[0, 1024, 2048]])


@pytest.mark.parametrize("classes", [10, 100])
def test_a_folder_without_cifar_names_what_it_lacks(tmp_path: Path, classes: int) -> None:
    with pytest.raises(DataError, match=rf"holds no CIFAR{classes} .* holds cifar-{classes}-"):
        datasets.create(CifarConfig(path=str(tmp_path), classes=classes))


def test_cifar_of_other_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="CIFAR has 10 or 100 classes, but got 20"):
        datasets.create(CifarConfig(path=str(tmp_path), classes=20))
