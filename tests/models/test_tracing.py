import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from perfexp.errors import ModelError
from perfexp.models import features, sources, tracing


def on_meta(source: str, name: str, size: int) -> nn.Module:
    with torch.device("meta"):
        return sources.source(source).build(name, size, pretrained=False)


@pytest.mark.parametrize(
    ("source", "name", "size"),
    [
        ("torchvision", "mobilenet_v2", 64),
        ("torchvision", "resnext50_32x4d", 64),
        ("torchvision", "vit_b_32", 224),
        ("timm", "vgg11", 224),
    ],
)
def test_macs_by_kind_add_up_to_torchs_own_count(source: str, name: str, size: int) -> None:
    network = on_meta(source, name, size)
    found = features.summarise(tracing.trace(name, network, size), 0)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, size, size, device="meta"))
    macs = sum(found[f"macs_{kind}"] for kind in features.MULTIPLYING)
    assert 2 * macs == counter.get_total_flops()


def test_kinds_of_layer_are_told_apart() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 7), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 1),
        nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 5),
    )  # fmt: skip
    found = features.summarise(tracing.trace("mine", network.to("meta"), 16), 7)
    assert found["macs_conv_large"] == 10 * 10 * 8 * 3 * 49
    assert found["macs_depthwise"] == 8 * 8 * 8 * 9
    assert found["macs_conv1x1"] == 8 * 8 * 8 * 4
    assert found["macs_grouped"] == 6 * 6 * 4 * 2 * 9
    assert found["macs_conv3x3"] == 4 * 4 * 4 * 4 * 9
    assert found["macs_linear"] == 20
    assert found["weights_linear"] == 25
    assert found["moved_conv1x1"] == 8 * 8 * (8 + 4)
    assert {found[f"layers_{kind}"] for kind in ("norm", "pool", "elementwise", "linear", "depthwise")} == {1}
    assert found["params"] == 7
    assert set(found) == set(features.names())


@pytest.mark.parametrize(("size", "kind"), [(1, "depthwise_wide"), (2, "depthwise")])
def test_padding_wider_than_the_image_is_another_kind(size: int, kind: str) -> None:
    network = nn.Conv2d(3, 3, 5, padding=2, groups=3).to("meta")
    [layer] = tracing.trace("mine", network, size)
    assert layer.kind == kind


def test_attention_is_a_matrix_product_without_weights() -> None:
    network = on_meta("timm", "vit_tiny_patch16_224", 224)
    found = features.summarise(tracing.trace("vit", network, 224), 0)
    tokens, width, blocks = 197, 192, 12
    assert found["macs_matmul"] == blocks * 2 * tokens * tokens * width


def test_a_layer_that_cannot_be_traced_is_named() -> None:
    class Odd(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images if images.sum().item() > 0 else -images

    with pytest.raises(ModelError, match=r"mine cannot be traced at 8 × 8: its layer 1 \(Odd\) failed"):
        tracing.trace("mine", nn.Sequential(nn.ReLU(), Odd()), 8)
