"""The contract of a model source."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn


IMAGENET = 1000
"""Number of classes of ImageNet-1k, and so of pretrained weights."""

Images = NDArray[np.float32]
"""A batch of shape ``(images, 3, height, width)``."""


@dataclass(frozen=True)
class Facts:
    """What a library states about one of its models, without building it.

    ``published_*`` belong to the weights named by ``published_weights``; accuracies in percent,
    multiply-accumulates for one image of their input size.
    """

    input_size: int
    family: str
    published_weights: str | None = None
    published_top1: float | None = None
    published_top5: float | None = None
    published_macs: float | None = None


@dataclass(frozen=True)
class Preprocessing:
    """The transform from an RGB image to a network's input of shape ``(3, size, size)``.

    ``origin`` names the weights whose transform or data config this is, ``steps`` describes it.
    """

    origin: str
    steps: str
    transform: "Callable[[Image], Tensor]"


def defines(package: str, name: str) -> bool:
    """Return whether a module in ``package.models`` defines a model's function, by its text."""
    spec = find_spec(package)
    folders = [Path(place, "models") for place in (spec.submodule_search_locations or ())] if spec else []
    pattern = re.compile(
        rf"^@register_model\b[^\n]*\n(?:[@ )][^\n]*\n)*def {re.escape(name)}\(", re.MULTILINE
    )
    files = (path for folder in folders for path in folder.glob("*.py"))
    return any(pattern.search(path.read_text(encoding="utf-8")) for path in files)


class Source(ABC):
    """A library of image classifiers."""

    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version decides the network."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return every classifier's name."""

    def has(self, name: str) -> bool:
        """Return whether there may be such a classifier; libraries that import slowly look into their files.

        A name that only looks like one is refused once the library is imported.
        """
        return name.partition(".")[0] in self.names()

    @abstractmethod
    def facts(self, name: str) -> Facts:
        """Return what the library states about ``name``, which is one of ``names()``."""

    @abstractmethod
    def preprocessing(self, name: str, input_size: int, resize: int | None) -> Preprocessing:
        """Return the preprocessing that the weights of ``name`` were trained with.

        At the weights' input size it is their transform, unchanged. At another size, or with
        ``resize``, the shorter side becomes ``resize`` (default: ``input_size``) pixels and the
        centre is cropped; interpolation, mean and deviation do not change.
        """

    @abstractmethod
    def build(self, name: str, input_size: int, pretrained: bool, classes: int = IMAGENET) -> "nn.Module":
        """Build the network on torch's default device.

        ``input_size`` matters to architectures whose weights depend on it.

        Raises:
            OSError, RuntimeError: the pretrained weights cannot be fetched.
        """
