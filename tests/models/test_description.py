from pathlib import Path

import pytest

from perfexp.cache import Cache
from perfexp.config.schema import InputFit, ModelConfig
from perfexp.errors import ModelError
from perfexp.models import description, sources
from perfexp.models.description import describe, find

SQUEEZENET = ModelConfig("torchvision", "squeezenet1_1")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_a_model_is_described_once_then_read(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(SQUEEZENET, None, cache) is None
    first = describe(SQUEEZENET, None, cache)
    monkeypatch.setattr(description, "_made", lambda *_: pytest.fail("it was described again"))
    assert describe(SQUEEZENET, None, cache) == describe(SQUEEZENET, 224, cache) == first
    assert (first.params, first.input_size, first.family) == (1_235_496, 224, "squeezenet")


def test_another_size_is_another_description(cache: Cache) -> None:
    small, large = (description.describe(SQUEEZENET, size, cache).features for size in (64, None))
    assert large["macs_conv3x3"] > 4 * small["macs_conv3x3"]


def test_another_format_is_another_entry(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    describe(SQUEEZENET, 64, cache)
    monkeypatch.setattr(description, "FORMAT", description.FORMAT + 1)
    assert find(SQUEEZENET, 64, cache) is None


@pytest.mark.parametrize("asked", [32, None])
def test_input_grows_to_the_models_minimum(cache: Cache, asked: int | None) -> None:
    model = ModelConfig("torchvision", "squeezenet1_1", min_input_size=240)
    assert describe(model, asked, cache, InputFit.grow).input_size == 240


@pytest.mark.parametrize(("name", "smallest"), [("alexnet", 63), ("inception_v3", 75)])
def test_too_small_an_input_names_the_smallest(cache: Cache, name: str, smallest: int) -> None:
    with pytest.raises(ModelError, match=f"cannot take 32 × 32 images.*the smallest it takes is {smallest}"):
        describe(ModelConfig("torchvision", name), 32, cache)


def test_a_size_that_an_architecture_refuses_is_reported(cache: Cache) -> None:
    with pytest.raises(ModelError, match="vit_b_16 cannot take 250 × 250 images.*its default is 224"):
        describe(ModelConfig("torchvision", "vit_b_16"), 250, cache)


def test_an_unknown_name_gets_its_nearest(cache: Cache) -> None:
    with pytest.raises(ModelError, match="no model named 'resnet19': the nearest are resnet18"):
        describe(ModelConfig("torchvision", "resnet19"), 64, cache)


def test_a_network_that_reads_tensors_while_it_is_built_is_described_too(cache: Cache) -> None:
    assert describe(ModelConfig("torchvision", "regnet_y_400mf"), 64, cache).params == 4_344_144


@pytest.mark.slow
def test_every_classifier_of_torchvision_has_its_published_counts(cache: Cache) -> None:
    from torchvision.models import get_model_weights

    for name in sources.source("torchvision").names():
        found = describe(ModelConfig("torchvision", name), None, cache)
        meta = get_model_weights(name).DEFAULT.meta
        assert (name, found.params) == (name, meta["num_params"])
        assert found.macs / 1e9 == pytest.approx(meta["_ops"], abs=0.0006), name


@pytest.mark.slow
def test_a_sample_of_timm_can_be_described(cache: Cache) -> None:
    for name in sources.source("timm").names()[::40]:
        assert describe(ModelConfig("timm", name), None, cache).macs > 0, name
