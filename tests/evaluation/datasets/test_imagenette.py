from pathlib import Path

import pytest
import torchvision
from PIL import Image

from perfexp.errors import DataError
from perfexp.evaluation import datasets
from perfexp.evaluation.datasets.cifar import CifarConfig
from perfexp.evaluation.datasets.imagenette import ImagenetteConfig, Size


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes in torchvision's layout."""
    for name in ("val/n01440764/b.JPEG", "val/n03888257/a.JPEG", "train/n03888257/c.JPEG"):
        path = tmp_path / "imagenette2-160" / name
        path.parent.mkdir(parents=True)
        Image.new("L", (20, 16)).save(path)
    return tmp_path


@pytest.mark.parametrize(
    ("train", "files"), [(False, ["n01440764/b.JPEG", "n03888257/a.JPEG"]), (True, ["n03888257/c.JPEG"])]
)
def test_classes_are_imagenets_by_synset(root: Path, train: bool, files: list[str]) -> None:
    found = datasets.create(ImagenetteConfig(path=str(root), size=Size["160px"], train=train))
    assert [item.name for item in found.items] == files
    assert len(found.class_names) == 1000
    assert "parachute" in found.class_names[found.items[-1].label]
    assert found.open(0).mode == "RGB"


def test_a_missing_set_says_what_to_do(root: Path) -> None:
    words = r"holds no Imagenette .*set dataset.download=true, or give .* holds imagenette2-320/val"
    with pytest.raises(DataError, match=words):
        datasets.create(ImagenetteConfig(path=str(root)))
    with pytest.raises(DataError, match=words):
        datasets.create(ImagenetteConfig(path=str(root / "nowhere")))


@pytest.mark.parametrize("config", [ImagenetteConfig, CifarConfig])
def test_a_download_that_fails_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: type[ImagenetteConfig] | type[CifarConfig]
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", _refuse)
    monkeypatch.setattr("socket.socket.connect", _refuse)
    with pytest.raises(DataError, match=r"could not be downloaded to .*no network in this test.*; go online"):
        datasets.create(config(path=str(tmp_path / "new"), download=True))


def _refuse(*_arguments: object, **_named: object) -> None:
    raise OSError("no network in this test")


def test_what_is_there_is_not_downloaded_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.imagenette, "download_and_extract_archive", _refuse)
    found = datasets.create(ImagenetteConfig(path=str(root), size=Size["160px"], download=True))
    assert len(found.items) == 2
