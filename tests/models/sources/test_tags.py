"""Names with a tag of weights, as timm has them."""

import pytest

from perfexp.errors import ModelError
from perfexp.models import sources


@pytest.mark.parametrize(
    ("library", "name", "words"),
    [
        ("timm", "resnet18.no_such_tag", "no weights 'no_such_tag' of resnet18: the nearest are resnet18"),
        ("torchvision", "resnet18.a1_in1k", "torchvision's names have no tags"),
    ],
)
def test_a_tag_that_is_not_there_is_one_sentence(library: str, name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        sources.source(library).facts(name)
