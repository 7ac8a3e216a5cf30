import pytest
from omegaconf import OmegaConf
from PIL import Image

from perfexp.config import catalog
from perfexp.models import sources
from perfexp.models.complexity import count

STUDY = sorted(
    path.stem
    for path in (catalog.conf_dir() / "model").glob("*.yaml")
    if OmegaConf.load(path).get("name") is not None
)


def test_the_study_has_33_models() -> None:
    assert len(STUDY) == 33
    assert set(STUDY) <= set(sources.source("torchvision").names())


@pytest.mark.parametrize("name", STUDY)
def test_params_and_macs_match_what_torchvision_publishes(name: str) -> None:
    import torch
    from torchvision.models import get_model_weights

    source = sources.source("torchvision")
    facts = source.facts(name)
    with torch.device("meta"):
        network = source.build(name, facts.input_size, pretrained=False)
    counted = count(network, facts.input_size)
    meta = get_model_weights(name).DEFAULT.meta
    assert counted.params == meta["num_params"]
    assert counted.macs / 1e9 == pytest.approx(meta["_ops"], abs=0.0006)


def test_facts_come_from_the_named_weights() -> None:
    facts = sources.source("torchvision").facts("inception_v3")
    assert facts.input_size == 299
    assert facts.published_weights == "Inception_V3_Weights.IMAGENET1K_V1"
    assert (facts.published_top1, facts.published_top5) == (77.294, 93.45)


def test_every_study_file_names_its_family() -> None:
    for name in STUDY:
        content = OmegaConf.load(catalog.conf_dir() / "model" / f"{name}.yaml")
        assert content.name == name
        assert content.family and content.display_name


def test_preprocessing_is_the_weights_own_unless_another_size_is_asked_for() -> None:
    source = sources.source("torchvision")
    own, small = source.preprocessing("resnet50", 224, None), source.preprocessing("resnet50", 32, None)
    assert own.origin == small.origin == "torchvision ResNet50_Weights.IMAGENET1K_V2"
    assert "crop_size=[224] resize_size=[232]" in own.steps
    assert "crop_size=[32] resize_size=[32]" in small.steps
    assert "resize_size=[40]" in source.preprocessing("resnet50", 32, 40).steps
    image = Image.new("RGB", (100, 60), (255, 0, 0))
    assert small.transform(image).shape == (3, 32, 32)
