"""ImageNet-1k's layouts: a folder for each synset, or the flat files of the validation set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perfexp.errors import DataError
from perfexp.evaluation.datasets import _labels
from perfexp.evaluation.datasets.base import DatasetConfig, FolderDataset, Item, folder, images_below, item


@dataclass
class ImageNetConfig(DatasetConfig):
    """``labels`` is a file with the labels of flat files: JSON, or CSV with file,label."""

    name: str = "imagenet"
    labels: str | None = None


class ImageNet(FolderDataset):
    """``path/nXXXXXXXX/…`` or ``path/ILSVRC2012_val_XXXXXXXX.JPEG``; any part of the set will do."""

    Config = ImageNetConfig

    def __init__(self, config: ImageNetConfig) -> None:
        self.root = folder(config)
        images = images_below(self.root)
        self.class_names = _labels.class_names()
        if config.labels is not None:
            path = Path(config.labels).expanduser()
            self.items = self._by_file_name(images, _labels.from_file(path), str(path))
            self.labelled_by = str(path)
        elif any(path.parent == self.root for path in images):
            known = _labels.validation_labels()
            self.items = self._by_file_name(images, known, _labels.validation_origin())
            self.labelled_by = _labels.validation_origin()
        else:
            self.items = self._by_synset(images)
            self.labelled_by = _labels.synsets_origin()

    def _by_synset(self, images: list[Path]) -> list[Item]:
        synsets = _labels.synsets()
        top = {path: path.relative_to(self.root).parts[0] for path in images}
        unknown = sorted(set(top.values()) - synsets.keys())
        if unknown:
            raise DataError(
                f"{len(unknown)} of the {len(set(top.values()))} folders in {self.root} are no synset of "
                f"ImageNet-1k (first: {unknown[0]}); use dataset=imagefolder for classes of your own."
            )
        return [item(self.root, path, synsets[name]) for path, name in top.items()]

    def _by_file_name(self, images: list[Path], known: Mapping[str, int], origin: str) -> list[Item]:
        unknown = [path.name for path in images if path.name not in known]
        if unknown:
            raise DataError(
                f"{len(unknown)} of the {len(images)} images in {self.root} have no label in {origin} "
                f"(first: {unknown[0]}); give dataset.labels=FILE for these names."
            )
        beyond = [path.name for path in images if not 0 <= known[path.name] < len(self.class_names)]
        if beyond:
            raise DataError(
                f"{origin} gives {beyond[0]} the class {known[beyond[0]]}, but ImageNet-1k's run from 0 to "
                f"{len(self.class_names) - 1}; give indices in the order of the models' outputs."
            )
        return [item(self.root, path, known[path.name]) for path in images]


DATASET = ImageNet
