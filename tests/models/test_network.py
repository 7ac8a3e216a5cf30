from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from perfexp.cache import Cache
from perfexp.config.schema import Cell, ModelConfig
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


def test_unknown_source_is_named(make_cell: MakeCell, cache: Cache) -> None:
    cell = replace(make_cell(), model=ModelConfig("keras", "resnet50"))
    with pytest.raises(ModelError, match="no model source named 'keras'"):
        describe(cell, cache)
