import pytest
from PIL import Image

from perfexp.models import sources


def test_facts_come_from_timms_own_config() -> None:
    facts = sources.source("timm").facts("tf_efficientnet_lite2")
    assert facts.input_size == 260
    assert facts.family == "efficientnet"
    assert facts.published_top1 is None


def test_transformer_is_built_for_another_input_size() -> None:
    import torch

    with torch.device("meta"):
        network = sources.source("timm").build("vit_tiny_patch16_224", 96, pretrained=False)
    assert network(torch.empty(1, 3, 96, 96, device="meta")).shape == (1, 1000)


def test_preprocessing_is_the_data_config_unless_another_size_is_asked_for() -> None:
    source = sources.source("timm")
    own, small = (source.preprocessing("tf_efficientnet_lite0", size, None) for size in (224, 32))
    assert own.origin == "timm tf_efficientnet_lite0.in1k"
    assert "crop_pct=0.875" in own.steps and "mean=(0.5, 0.5, 0.5)" in own.steps
    assert "crop_pct=1.0" in small.steps and "input_size=(3, 32, 32)" in small.steps
    white = Image.new("RGB", (100, 60), (255, 255, 255))
    assert small.transform(white).shape == (3, 32, 32)
    assert float(small.transform(white).mean()) == pytest.approx(1.0)
