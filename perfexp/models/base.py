"""The contract of a model source: list names, tell facts, build networks."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn


IMAGENET = 1000
"""Classes of ImageNet-1k, which pretrained weights tell apart."""


@dataclass(frozen=True)
class Facts:
    """What a library says of one of its models, without building it.

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
    """From an RGB image to a network's input of shape ``(3, size, size)``.

    ``origin`` names the weights whose transform or data config this is, ``steps`` says what it does.
    """

    origin: str
    steps: str
    transform: "Callable[[Image], Tensor]"


class Source(ABC):
    """A library of image classifiers."""

    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version decides the network."""

    @abstractmethod
    def names(self) -> list[str]:
        """Every classifier's name."""

    @abstractmethod
    def facts(self, name: str) -> Facts:
        """What the library says of ``name``, which is one of ``names()``."""

    @abstractmethod
    def preprocessing(self, name: str, input_size: int, resize: int | None) -> Preprocessing:
        """What the weights of ``name`` were trained to see.

        At their own input size it is theirs as it stands. At another, or with ``resize``, the
        shorter side becomes ``resize`` (default: ``input_size``) pixels, the centre is cut out,
        and interpolation, mean and deviation stay theirs.
        """

    @abstractmethod
    def build(self, name: str, input_size: int, pretrained: bool, classes: int = IMAGENET) -> "nn.Module":
        """The network on torch's default device; ``input_size`` for those that fix it at birth.

        Raises:
            OSError, RuntimeError: the pretrained weights cannot be had.
        """
