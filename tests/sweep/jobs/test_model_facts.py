import pytest

from perfexp.sweep.jobs import model_facts


def test_published_counts_come_from_a_worker() -> None:
    found = model_facts.macs({"resnet18", "vgg16", "no_such_model"})
    assert found.keys() == {"resnet18", "vgg16"}
    assert found["resnet18"] == pytest.approx(1.814e9, rel=1e-3)
    assert found["vgg16"] == pytest.approx(15.47e9, rel=1e-3)
