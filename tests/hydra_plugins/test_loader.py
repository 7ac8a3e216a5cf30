"""The jobs' configurations, against those that Hydra composes itself."""

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.perfexp.loader import SweepLoader
from perfexp.commands import _schemas
from perfexp.config import catalog


@pytest.fixture(scope="module")
def loaders() -> tuple[ConfigLoaderImpl, SweepLoader, DictConfig]:
    _schemas.register()
    Plugins.instance()
    plain = ConfigLoaderImpl(create_config_search_path(str(catalog.conf_dir())))
    master = plain.load_configuration("run", ["measure=quick"], RunMode.MULTIRUN)
    return plain, SweepLoader(plain, master), master


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=resnet18", "backend=torch", "batch_size=1"],
        ["model=resnet18", "backend=torch", "batch_size=8", "backend.threads=2"],
        ["model=resnet18", "backend='null'", "backend.fault=kill", "sweep.id=s-1"],
        ["model=timm", "model.name=vit_tiny", "measure=study", "measure.percentiles=[50,99]"],
        ["batch_size=2", "++input_size=64", "experiment='a b, c'"],
    ],
)
def test_a_job_is_composed_as_hydra_would(loaders, overrides: list[str]) -> None:
    plain, swept, master = loaders
    for _ in range(2):
        ours = swept.load_sweep_config(master, list(overrides))
        theirs = plain.load_sweep_config(master, list(overrides))
        assert OmegaConf.to_container(ours) == OmegaConf.to_container(theirs)
        ours.batch_size = 999


@pytest.mark.parametrize("override", ["batch_size=many", "batchsize=1", "model=resnet5", "model@x=resnet18"])
def test_what_hydra_refuses_is_refused_in_its_words(loaders, override: str) -> None:
    plain, swept, master = loaders
    with pytest.raises(HydraException) as theirs:
        plain.load_sweep_config(master, [override])
    with pytest.raises(HydraException) as ours:
        swept.load_sweep_config(master, [override])
    assert str(ours.value) == str(theirs.value)


def test_groups_are_composed_once(loaders, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, master = loaders
    swept = SweepLoader(loaders[0], master)
    composed = []
    original = ConfigLoaderImpl._load_configuration_impl
    monkeypatch.setattr(
        ConfigLoaderImpl, "_load_configuration_impl", lambda *a, **k: composed.append(1) or original(*a, **k)
    )
    for model in ("resnet18", "vgg16"):
        for batch_size in range(1, 20):
            swept.load_sweep_config(master, [f"model={model}", f"batch_size={batch_size}"])
    assert len(composed) == 2
