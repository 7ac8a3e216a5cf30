"""Weights for a network: random and calibrated, pretrained, or from a checkpoint."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.config.schema import ModelConfig
from perfexp.errors import ModelError, first_line
from perfexp.models.base import IMAGENET, Source

if TYPE_CHECKING:
    from torch import Tensor, nn

RANDOM, PRETRAINED = "random", "pretrained"
_CALIBRATION_IMAGES = 8
_WRAPPERS = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and training loops put before every tensor's name."""
_TRAINING_HEADS = ("aux1.", "aux2.", "AuxLogits.")


def with_weights(source: Source, model: ModelConfig, input_size: int, weights: str, seed: int) -> "nn.Module":
    """Return a network in eval mode, without gradients, with the requested weights.

    ``weights`` is ``random``, ``pretrained`` or a checkpoint's path; all load strictly. Random
    weights follow ``seed``, and BatchNorm statistics are calibrated on one batch: without it the
    outputs of untrained networks vanish (standard deviation about 1e-9) and any two backends agree.

    Raises:
        ModelError: the weights cannot be fetched or read, or do not fit.
    """
    import torch

    torch.manual_seed(seed)
    if weights == PRETRAINED:
        network = _pretrained(source, model, input_size)
    else:
        network = source.build(model.name, input_size, pretrained=False, classes=model.classes)
    network.eval().requires_grad_(False)
    if weights == RANDOM:
        calibrate(network, input_size, seed)
    elif weights != PRETRAINED:
        _load(network, model.name, _read(Path(weights)), f"checkpoint {weights}")
    return network


def with_new_head(
    source: Source, model: ModelConfig, input_size: int, weights: str, seed: int
) -> "nn.Module":
    """Return a network of ``model.classes`` classes, to be trained from weights of ImageNet-1k.

    Tensors whose shape depends on the number of classes are initialised, all others are copied.

    Raises:
        ModelError: the weights cannot be fetched or read, or do not fit.
    """
    import torch

    trained = with_weights(source, replace(model, classes=IMAGENET), input_size, weights, seed)
    torch.manual_seed(seed)
    network = source.build(model.name, input_size, pretrained=False, classes=model.classes)
    new, known = network.state_dict(), trained.state_dict()
    fitting = {k: known[k] for k in new.keys() & known.keys() if new[k].shape == known[k].shape}
    network.load_state_dict(_with_versions_of(new, {**new, **fitting}), strict=True)
    return network


def calibrate(network: "nn.Module", input_size: int, seed: int) -> None:
    """Set every BatchNorm's running statistics from one seeded batch of noise."""
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    generator = torch.Generator().manual_seed(seed)
    shape = (_CALIBRATION_IMAGES, 3, input_size, input_size)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.inference_mode():
        network(torch.randn(shape, generator=generator))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def _pretrained(source: Source, model: ModelConfig, input_size: int) -> "nn.Module":
    name = model.name
    if model.classes != IMAGENET:
        raise ModelError(
            f"The pretrained weights of {name} tell {IMAGENET} classes apart, but model.classes="
            f"{model.classes}; give a checkpoint of that many, as perfexp finetune makes."
        )
    try:
        return source.build(name, input_size, pretrained=True)
    except (OSError, RuntimeError) as error:
        reason = first_line(error).rstrip(".")
        raise ModelError(
            f"The pretrained weights of {name} could not be fetched ({reason}); go online once, or "
            "give weights=/path/to/checkpoint, or weights=random."
        ) from error


def _load(network: "nn.Module", name: str, state: "dict[str, Tensor]", origin: str) -> None:
    own = network.state_dict()
    state = _as_named_here(own, state)
    try:
        network.load_state_dict(_with_versions_of(own, state), strict=True)
    except (RuntimeError, ValueError) as error:
        missing, unknown = own.keys() - state.keys(), state.keys() - own.keys()
        shapes = [k for k in own.keys() & state.keys() if own[k].shape != state[k].shape]
        example = next(iter(sorted(shapes) or sorted(missing) or sorted(unknown)), "")
        raise ModelError(
            f"The {origin} does not fit {name}: {len(missing)} tensors missing, "
            f"{len(unknown)} unknown, {len(shapes)} of another shape (first: {example}); give a "
            "checkpoint of this architecture, and model.classes=… if it has other classes than ImageNet."
        ) from error


def _as_named_here(own: "dict[str, Tensor]", state: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Return ``state`` without wrappers' prefixes, and without heads that only training uses."""
    versions = getattr(state, "_metadata", None)
    named = dict(state)
    for prefix in _WRAPPERS:
        own_name = any(key.startswith(prefix) for key in own)
        if named and not own_name and all(key.startswith(prefix) for key in named):
            named = {key.removeprefix(prefix): value for key, value in named.items()}
            versions = versions and {key.removeprefix(prefix): value for key, value in versions.items()}
    if not any(key.startswith(_TRAINING_HEADS) for key in own):
        named = {key: value for key, value in named.items() if not key.startswith(_TRAINING_HEADS)}
    renamed = type(own)(named)
    if versions is not None:
        renamed._metadata = versions  # type: ignore[attr-defined]
    return renamed


def _with_versions_of(own: "dict[str, Tensor]", state: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Return ``state`` with the modules' format versions, which some file formats drop."""
    if hasattr(state, "_metadata"):
        return state
    versioned = type(own)(state)
    versioned._metadata = own._metadata  # type: ignore[attr-defined]
    return versioned


def require(weights: str) -> None:
    """Check that weights are random, pretrained, an artifact, or a file that exists.

    Raises:
        ModelError: they are none of these.
    """
    if (
        weights not in (RANDOM, PRETRAINED)
        and not weights.startswith("runs:/")
        and not Path(weights).is_file()
    ):
        raise ModelError(
            f"weights={weights} is neither random, pretrained nor a file that exists; check the path."
        )


def _read(path: Path) -> "dict[str, Tensor]":
    import pickle

    import torch

    require(str(path))
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        reason = first_line(error) if str(error).strip() else "it is empty"
        raise ModelError(
            f"The checkpoint {path} cannot be read as tensors ({reason}); save a plain state dict."
        ) from error
    for wrapper in ("state_dict", "model"):
        loaded = loaded.get(wrapper, loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(loaded, dict) or not all(hasattr(v, "shape") for v in loaded.values()):
        raise ModelError(f"The checkpoint {path} holds no state dict; save network.state_dict().")
    return loaded
