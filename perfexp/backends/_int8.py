"""Post-training quantisation to int8 with NNCF, and the share of a compiled model that is int8."""

import contextlib
import importlib
import importlib.util
import io
import logging
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perfexp.errors import BackendError

if TYPE_CHECKING:
    import openvino as ov

PACKAGE = "nncf"
_LAYERS = ("Convolution", "FullyConnected", "MatMul")
_EIGHT_BITS = ("i8", "u8")


def quantised(model: "ov.Model", images: Iterable[NDArray[np.float32]]) -> "ov.Model":
    """Return ``model`` with 8-bit weights and activations, whose ranges are those on ``images``.

    Args:
        model: in f32, of one input.
        images: batches of that input.

    Raises:
        BackendError: NNCF is not installed.
    """
    nncf = _nncf()
    batches = list(images)
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars
        made: ov.Model = nncf.quantize(model, nncf.Dataset(batches), subset_size=len(batches))
    return made


def eight_bit_layers(compiled: "ov.CompiledModel") -> tuple[int, int]:
    """Return the numbers of convolutions and matrix products that execute in 8 bits, and of all of them."""
    executed = [
        str(facts["runtimePrecision"].astype(str))
        for facts in (op.get_rt_info() for op in compiled.get_runtime_model().get_ops())
        if facts["layerType"].astype(str) in _LAYERS
    ]
    return sum(precision in _EIGHT_BITS for precision in executed), len(executed)


def _nncf() -> ModuleType:
    if importlib.util.find_spec(PACKAGE) is None:
        raise BackendError(
            f"int8 needs {PACKAGE}, which is not installed; run in perfexp's checkout: "
            "pip install -e '.[int8]'"
        )
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # no compiler is needed
    nncf = importlib.import_module(PACKAGE)
    nncf.set_log_level(logging.ERROR)
    return nncf
