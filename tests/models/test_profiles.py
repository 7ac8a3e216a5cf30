from pathlib import Path

import pytest

from perfexp.cache import Cache
from perfexp.config.schema import ModelConfig
from perfexp.errors import ModelError
from perfexp.models import profiles


def test_a_profile_is_traced_once_then_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, model = Cache(tmp_path), ModelConfig("torchvision", "squeezenet1_1")
    first = profiles.profile(model, 64, cache)
    monkeypatch.setattr(profiles, "_trace", lambda *_: pytest.fail("it was traced again"))
    assert profiles.profile(model, 64, cache) == first
    assert first["params"] == 1_235_496


def test_another_size_is_another_profile(tmp_path: Path) -> None:
    cache, model = Cache(tmp_path), ModelConfig("torchvision", "squeezenet1_1")
    small, large = (profiles.profile(model, size, cache) for size in (64, None))
    assert large["macs_conv3x3"] > 4 * small["macs_conv3x3"]


def test_an_unknown_name_gets_its_nearest(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="squeezenet1_1"):
        profiles.profile(ModelConfig("torchvision", "squeezenet1_2"), 64, Cache(tmp_path))


def test_a_network_that_computes_while_it_is_built_is_traced_too(tmp_path: Path) -> None:
    found = profiles.profile(ModelConfig("torchvision", "regnet_y_400mf"), 64, Cache(tmp_path))
    assert found["params"] == 4_344_144
