"""Real weights load strictly and rank real photos; wrong preprocessing shows that this can fail."""

import pytest
import torch

from perfexp.config.schema import ModelConfig
from perfexp.errors import ModelError
from perfexp.evaluation import datasets
from perfexp.evaluation.datasets.imagenet import ImageNetConfig
from perfexp.models import sources
from perfexp.models.weights import with_weights
from tests.support.packaged import Packaged

FOOLBOX_COUNTS = [("timm", "tf_efficientnet_lite0", 18, 19), ("torchvision", "squeezenet1_1", 14, 17)]


def right(packaged: Packaged, source: str, name: str, preprocessing_of: tuple[str, str], ranks: int) -> int:
    weights = str(getattr(packaged, name))
    network = with_weights(sources.source(source), ModelConfig(source, name), 224, weights, 0)
    photos = datasets.create(
        ImageNetConfig(path=str(packaged.photos / "foolbox"), labels=str(packaged.labels))
    )
    transform = sources.source(preprocessing_of[0]).preprocessing(preprocessing_of[1], 224, None).transform
    inputs = torch.stack([transform(photos.open(index)) for index in range(len(photos.items))])
    labels = torch.tensor([item.label for item in photos.items])
    with torch.inference_mode():
        best = network(inputs).topk(ranks).indices
    return int((best == labels[:, None]).any(dim=1).sum())


@pytest.mark.slow
@pytest.mark.parametrize(("source", "name", "top1", "top5"), FOOLBOX_COUNTS)
def test_counts_on_twenty_photos(packaged: Packaged, source: str, name: str, top1: int, top5: int) -> None:
    assert right(packaged, source, name, (source, name), 1) == top1
    assert right(packaged, source, name, (source, name), 5) == top5


@pytest.mark.slow
def test_another_networks_preprocessing_costs_accuracy(packaged: Packaged) -> None:
    assert right(packaged, "timm", "tf_efficientnet_lite0", ("torchvision", "resnet18"), 1) < 18


@pytest.mark.slow
def test_other_classes_than_the_weights_have_are_refused(packaged: Packaged) -> None:
    model = ModelConfig("torchvision", "squeezenet1_1", classes=10)
    with pytest.raises(ModelError, match="The checkpoint .* does not fit squeezenet1_1"):
        with_weights(sources.source("torchvision"), model, 224, str(packaged.squeezenet1_1), 0)
