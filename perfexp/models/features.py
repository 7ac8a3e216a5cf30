"""The work of a network for one image, by kind of layer: the features that predictions use.

MACs are multiply-accumulates; ``moved`` counts elements of activations read and written, ``weights``
elements of parameters read; views cost nothing and are left out. A depthwise convolution is ``wide``
where its padding is wider than the image: oneDNN then uses a kernel some 60 times slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass

CONVOLUTIONS = ("conv1x1", "conv3x3", "conv_large", "depthwise", "depthwise_wide", "grouped")
MULTIPLYING = (*CONVOLUTIONS, "linear", "matmul")
MOVING = ("norm", "pool", "copy", "elementwise")
KINDS = (*MULTIPLYING, *MOVING)
FORMAT = 2
"""Part of the cache's key: raise it whenever what is counted changes."""


@dataclass(frozen=True)
class Layer:
    """One operator's work for one image: multiply-accumulates, and elements read and written."""

    kind: str
    macs: int
    weights: int
    reads: int
    writes: int


def summarise(layers: Sequence[Layer], params: int) -> dict[str, float]:
    """Return the features of a network, all for one image.

    Args:
        layers: in the order of execution.
        params: learnable parameters.

    Returns:
        ``macs_KIND`` for the kinds that multiply, ``moved_KIND``, ``weights_KIND`` and
        ``layers_KIND`` for all of :data:`KINDS`; ``params``; ``largest_layer``, the most elements
        of activations that one layer reads and writes.
    """
    found = dict.fromkeys(names(), 0.0)
    for layer in layers:
        found[f"layers_{layer.kind}"] += 1
        found[f"moved_{layer.kind}"] += layer.reads + layer.writes
        found[f"weights_{layer.kind}"] += layer.weights
        if layer.kind in MULTIPLYING:
            found[f"macs_{layer.kind}"] += layer.macs
    found["params"] = params
    found["largest_layer"] = max((layer.reads + layer.writes for layer in layers), default=0)
    return found


def names() -> list[str]:
    """Return every feature's name."""
    by_kind = [f"{what}_{kind}" for what in ("moved", "weights", "layers") for kind in KINDS]
    return [*(f"macs_{kind}" for kind in MULTIPLYING), *by_kind, "params", "largest_layer"]
