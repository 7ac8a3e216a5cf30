"""118 labelled photos of ImageNet-1k's classes out of two published wheels.

foolbox keeps the class in the file's name. ai-benchmark has none: 98 of its 100 photos were
labelled by hand for perfexp, before any model was run. These photos are far easier than
ImageNet's validation set: they test loading, preprocessing and ranking, not accuracy.
"""

import csv
import shutil
from pathlib import Path

from tests.support.packaged.download import Wheel, unpack

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
LABELS = "labels.csv"


def write(folder: Path, scratch: Path) -> None:
    """Write ``foolbox/*.jpg``, ``ai_benchmark/*.jpg`` and ``labels.csv`` with the columns file,label."""
    rows = []
    for path in unpack(FOOLBOX, scratch):
        rows.append((_placed(path, folder / "foolbox"), int(path.stem.rpartition("_")[2])))
    unpack(AI_BENCHMARK, scratch)
    text = (Path(__file__).parent / "ai_benchmark_labels.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        rows.append((_placed(scratch / row["file"], folder / "ai_benchmark"), int(row["imagenet1k_index"])))
    with (folder / LABELS).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *rows])


def _placed(path: Path, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder)
    return f"{folder.name}/{path.name}"
