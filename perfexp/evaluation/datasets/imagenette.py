"""Imagenette as torchvision stores it: photos of ten of ImageNet-1k's classes, for networks of all 1000."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from perfexp.evaluation.datasets import _labels
from perfexp.evaluation.datasets._torchvision import TorchvisionConfig, read
from perfexp.evaluation.datasets.base import FolderDataset, images_below, item

Size = StrEnum("Size", {"full": "full", "320px": "320px", "160px": "160px"})
"""The photos' shorter side; the archives have 1.5 GB, 330 MB and 95 MB."""
_FOLDERS = {"full": "imagenette2", "320px": "imagenette2-320", "160px": "imagenette2-160"}


@dataclass
class ImagenetteConfig(TorchvisionConfig):
    """``path`` holds ``imagenette2``, ``imagenette2-320`` or ``imagenette2-160``, as ``size`` says."""

    name: str = "imagenette"
    size: Size = Size["320px"]


class Imagenette(FolderDataset):
    """``path/imagenette2-320/val/nXXXXXXXX/…``, labelled with ImageNet-1k's indices by synset."""

    Config = ImagenetteConfig

    def __init__(self, config: ImagenetteConfig) -> None:
        from torchvision import datasets

        split, size = "train" if config.train else "val", Size(config.size).value

        def part(root: Path) -> Path:
            datasets.Imagenette(root, split, size, download=config.download)
            return root / _FOLDERS[size] / split

        self.root = read(config, "Imagenette", f"{_FOLDERS[size]}/{split}", part)
        synsets = _labels.synsets()
        self.class_names = _labels.class_names()
        self.items = [
            item(self.root, path, synsets[path.relative_to(self.root).parts[0]])
            for path in images_below(self.root)
        ]
        self.labelled_by = f"Imagenette's folders, {_labels.synsets_origin()}"


DATASET = Imagenette
