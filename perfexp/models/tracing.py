"""Runs a network on the meta device and records every operator that PyTorch dispatches."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from perfexp.errors import ModelError, first_line
from perfexp.models.features import Layer

Operator = torch._ops.OpOverload
_UNTRACEABLE = (RuntimeError, ValueError, AssertionError, TypeError, IndexError, KeyError, AttributeError)
_FREE = {"_unsafe_view", "alias", "as_strided_", "detach", "lift_fresh"}
_MATRIX = {"mm", "bmm", "addmm", "baddbmm"}
_BY_WORD = {
    "norm": ("batch_norm", "layer_norm", "group_norm", "rms_norm"),
    "pool": ("pool2d", "mean", "amax"),
    "copy": ("cat", "clone", "copy", "roll", "pad", "index", "stack", "repeat", "im2col", "col2im"),
}


def trace(name: str, network: nn.Module, input_size: int) -> list[Layer]:
    """Return every operator of a meta-device network for one image, in the order of execution.

    Raises:
        ModelError: the network cannot be traced; names the layer.
    """
    network.eval()
    with _layers_entered(network) as entered, torch.no_grad(), Recorder(network) as recorder:
        try:
            network(torch.empty(1, 3, input_size, input_size, device="meta"))
        except _UNTRACEABLE as error:
            reason = first_line(error).rstrip(".")
            raise ModelError(
                f"{name} cannot be traced at {input_size} × {input_size}: its layer {entered[-1]} failed "
                f"({reason}); set input_size to one that it takes, or leave the model out."
            ) from error
    layers: list[Layer] = recorder.layers
    return layers


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records a :class:`Layer` for each operator that reads a tensor and is not a view."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layers: list[Layer] = []
        self._own = {_storage(t) for t in (*network.parameters(), *network.buffers())}

    def __torch_dispatch__(
        self,
        func: Operator,
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        result = func(*args, **(kwargs or {}))
        if inputs and not func.is_view and func.overloadpacket.__name__ not in _FREE:
            self.layers.append(self._layer(func.overloadpacket.__name__, args, inputs, result))
        return result

    def _layer(
        self, operator: str, args: Sequence[object], inputs: Sequence[Tensor], result: object
    ) -> Layer:
        weights = [t for t in inputs if _storage(t) in self._own]
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        kind, macs = _multiplied(operator, args, outputs, bool(weights))
        own = _elements(weights)
        return Layer(kind, macs, own, _elements(inputs) - own, _elements(outputs))


class EmptyOnMeta(TorchFunctionMode):
    """Allocates what has no values yet, as weights before they are drawn, on the meta device."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        kwargs = dict(kwargs or {})
        if func is torch.empty and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def _multiplied(
    operator: str, args: Sequence[object], outputs: Sequence[Tensor], weighted: bool
) -> tuple[str, int]:
    """Return the operator's kind, and its multiply-accumulates if that kind multiplies."""
    if operator == "convolution":
        image, weight, padding, groups = args[0], args[1], args[4], args[8]
        assert isinstance(image, Tensor) and isinstance(weight, Tensor) and isinstance(groups, int)
        assert isinstance(padding, Sequence)
        transposed = bool(args[6])
        window = math.prod(weight.shape[2:])
        positions = _elements([image] if transposed else outputs)
        wide = any(border > side for border, side in zip(padding, image.shape[2:], strict=False))
        return _convolution(weight, groups, wide), positions * weight.shape[1] * window
    if operator in _MATRIX:
        left = args[-2]
        assert isinstance(left, Tensor)
        return "linear" if weighted else "matmul", _elements(outputs) * left.shape[-1]
    if operator.startswith("_scaled_dot_product"):
        query, key, value = args[:3]
        assert isinstance(query, Tensor) and isinstance(key, Tensor) and isinstance(value, Tensor)
        rows = _elements([query]) // query.shape[-1]
        return "matmul", rows * key.shape[-2] * (query.shape[-1] + value.shape[-1])
    return _moving(operator), 0


def _convolution(weight: Tensor, groups: int, wide: bool) -> str:
    if groups > 1 and weight.shape[1] == 1:
        return "depthwise_wide" if wide else "depthwise"
    if groups > 1:
        return "grouped"
    return {1: "conv1x1", 9: "conv3x3"}.get(math.prod(weight.shape[2:]), "conv_large")


def _moving(operator: str) -> str:
    return next(
        (kind for kind, words in _BY_WORD.items() if any(w in operator for w in words)), "elementwise"
    )


def _elements(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


@contextmanager
def _layers_entered(network: nn.Module) -> Iterator[list[str]]:
    """Yield the list of running layers, the innermost last; a layer that raised stays on it."""
    entered: list[str] = []

    def enter(title: str, *_: object) -> None:
        entered.append(title)

    def leave(*_: object) -> None:
        entered.pop()

    handles = []
    for path, module in network.named_modules():
        title = f"{path or 'the whole'} ({type(module).__name__})"
        handles.append(module.register_forward_pre_hook(partial(enter, title)))
        handles.append(module.register_forward_hook(leave))
    try:
        yield entered
    finally:
        for handle in handles:
            handle.remove()
