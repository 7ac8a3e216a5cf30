from perfexp import models


def test_facts_come_from_timms_own_config() -> None:
    facts = models.source("timm").facts("tf_efficientnet_lite2")
    assert facts.input_size == 260
    assert facts.family == "efficientnet"
    assert facts.published_top1 is None


def test_transformer_is_built_for_another_input_size() -> None:
    import torch

    with torch.device("meta"):
        network = models.source("timm").build("vit_tiny_patch16_224", 96, pretrained=False)
    assert network(torch.empty(1, 3, 96, 96, device="meta")).shape == (1, 1000)
