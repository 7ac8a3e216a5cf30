"""Parameters and multiply-accumulates, counted on the meta device: no weights, no memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perfexp.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Complexity:
    """Learnable parameters, and multiply-accumulates for one image."""

    params: int
    macs: int


def count(network: "nn.Module", input_size: int) -> Complexity:
    """Count a meta-device network; MACs are half of ``torch.utils.flop_counter``'s FLOPs.

    Raises:
        RuntimeError, ValueError, AssertionError: the network cannot take the input.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        network.eval()(torch.empty(1, 3, input_size, input_size, device="meta"))
    params = sum(p.numel() for p in network.parameters())
    return Complexity(params=params, macs=counter.get_total_flops() // 2)


def count_or_explain(
    name: str, build: Callable[[int], "nn.Module"], input_size: int, own_size: int
) -> Complexity:
    """Count the network that ``build(input_size)`` makes on the meta device.

    Raises:
        ModelError: the architecture cannot take the size; says the smallest that it can.
    """
    try:
        return count(build(input_size), input_size)
    except (RuntimeError, ValueError, AssertionError) as error:
        smallest = _smallest(build, input_size, own_size)
        takes = f"the smallest it takes is {smallest}" if smallest else f"its own size is {own_size}"
        reason = (
            str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        )
        raise ModelError(
            f"{name} cannot take {input_size} × {input_size} images ({reason}); {takes}: "
            "set input_size to that, or input_fit=grow where the model's file names its minimum."
        ) from error


def _smallest(build: Callable[[int], "nn.Module"], refused: int, own_size: int) -> int | None:
    """Bisect between a refused size and the model's own."""
    if not _takes(build, own_size) or refused >= own_size:
        return None
    low, high = refused, own_size
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _takes(build, middle) else (middle, high)
    return high


def _takes(build: Callable[[int], "nn.Module"], size: int) -> bool:
    try:
        count(build(size), size)
    except (RuntimeError, ValueError, AssertionError):
        return False
    return True
