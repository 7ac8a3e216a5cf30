from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from perfexp.cache import Cache
from perfexp.config.schema import Cell, InputFit, ModelConfig
from perfexp.errors import ModelError
from perfexp.models.network import describe, find

MakeCell = Callable[..., Cell]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_described_once_then_found(make_cell: MakeCell, cache: Cache) -> None:
    cell = make_cell(model="resnet18", input_size=None)
    assert find(cell, cache) is None
    described = describe(cell, cache)
    assert described.description.input_size == 224
    assert described.description.params == 11_689_512
    found = find(cell, cache)
    assert found is not None
    assert found.description == described.description
    assert found.key == described.key


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"input_size": 96}, {"model": ModelConfig("torchvision", "resnet34")}]
)
def test_key_follows_what_decides_the_weights(
    make_cell: MakeCell, cache: Cache, change: dict[str, object]
) -> None:
    cell = make_cell(model="resnet18")
    assert describe(cell, cache).key != describe(replace(cell, **change), cache).key


def test_key_does_not_follow_the_batch_size(make_cell: MakeCell, cache: Cache) -> None:
    cell = make_cell(model="resnet18")
    assert describe(cell, cache).key == describe(replace(cell, batch_size=8), cache).key


@pytest.mark.parametrize(("name", "smallest"), [("alexnet", 63), ("inception_v3", 75)])
def test_too_small_an_input_says_what_is_not(
    make_cell: MakeCell, cache: Cache, name: str, smallest: int
) -> None:
    with pytest.raises(ModelError, match=f"cannot take 32 × 32 images.*the smallest it takes is {smallest}"):
        describe(make_cell(model=name, input_size=32), cache)


def test_input_grows_to_the_models_minimum(make_cell: MakeCell, cache: Cache) -> None:
    model = ModelConfig("torchvision", "alexnet", min_input_size=64)
    cell = replace(make_cell(input_size=32, input_fit=InputFit.grow), model=model)
    assert describe(cell, cache).input_size == 64


def test_unknown_model_names_the_nearest(make_cell: MakeCell, cache: Cache) -> None:
    with pytest.raises(ModelError, match="no model named 'resnet19': the nearest are resnet18"):
        describe(make_cell(model="resnet19"), cache)


def test_unknown_source_is_named(make_cell: MakeCell, cache: Cache) -> None:
    cell = replace(make_cell(), model=ModelConfig("keras", "resnet50"))
    with pytest.raises(ModelError, match="no model source named 'keras'"):
        describe(cell, cache)
