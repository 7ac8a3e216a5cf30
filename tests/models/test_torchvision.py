import pytest
from omegaconf import OmegaConf

from perfexp import models, schemas
from perfexp.complexity import count

STUDY = sorted(
    path.stem
    for path in (schemas.conf_dir() / "model").glob("*.yaml")
    if OmegaConf.load(path).get("name") is not None
)


def test_the_study_has_33_models() -> None:
    assert len(STUDY) == 33
    assert set(STUDY) <= set(models.source("torchvision").names())


@pytest.mark.parametrize("name", STUDY)
def test_params_and_macs_match_what_torchvision_publishes(name: str) -> None:
    import torch
    from torchvision.models import get_model_weights

    source = models.source("torchvision")
    facts = source.facts(name)
    with torch.device("meta"):
        network = source.build(name, facts.input_size, pretrained=False)
    counted = count(network, facts.input_size)
    meta = get_model_weights(name).DEFAULT.meta
    assert counted.params == meta["num_params"]
    assert counted.macs / 1e9 == pytest.approx(meta["_ops"], abs=0.0006)


def test_facts_come_from_the_named_weights() -> None:
    facts = models.source("torchvision").facts("inception_v3")
    assert facts.input_size == 299
    assert facts.published_weights == "Inception_V3_Weights.IMAGENET1K_V1"
    assert (facts.published_top1, facts.published_top5) == (77.294, 93.45)


def test_every_study_file_names_its_family() -> None:
    for name in STUDY:
        content = OmegaConf.load(schemas.conf_dir() / "model" / f"{name}.yaml")
        assert content.name == name
        assert content.family and content.display_name
