import pytest
from omegaconf import OmegaConf

from perfexp.config.schema import RunConfig
from perfexp.errors import ConfigError
from perfexp.sweep.jobs.sweep_file import as_typed, texts


def test_values_are_written_as_they_would_be_typed() -> None:
    written = {"batch_size": [1, 2], "weights": ["/a, b.pt", "random"], "input_size": None, "model": "a,b"}
    expected = {"batch_size": "1,2", "weights": '"/a, b.pt",random', "input_size": "null", "model": "a,b"}
    assert texts(written) == expected
    assert texts(OmegaConf.create(written)) == expected


def test_text_needs_no_quotation_marks() -> None:
    params = {"model": "resnet18, vgg16", "weights": "/a/epoch=3.ckpt", "batch_size": "1,2"}
    typed = ["model=resnet18,vgg16", 'weights="/a/epoch=3.ckpt"', "batch_size=1,2"]
    assert as_typed(RunConfig, params) == typed


def test_a_refusal_names_its_place() -> None:
    with pytest.raises(ConfigError, match="params or grids of the sweep: There is no model named 'vgg1'"):
        as_typed(RunConfig, {"model": "vgg1"})
