"""The contract of a model source: list names, tell facts, build networks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Facts:
    """What a library says of one of its models, without building it.

    ``published_*`` belong to the weights named by ``published_weights``; accuracies in percent.
    """

    input_size: int
    family: str
    published_weights: str | None = None
    published_top1: float | None = None
    published_top5: float | None = None


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
    def build(self, name: str, input_size: int, pretrained: bool) -> "nn.Module":
        """The network on torch's default device; ``input_size`` for those that fix it at birth.

        Raises:
            OSError, RuntimeError: the pretrained weights cannot be had.
        """
