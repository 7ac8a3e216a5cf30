from pathlib import Path

import pytest

from perfexp.errors import ConfigError
from perfexp.published.base import Broken, Row
from perfexp.published.timm import TimmConfig, TimmSource

BENCHMARK = """\
model,infer_img_size,infer_samples_per_sec,infer_step_time,infer_batch_size,param_count,infer_gmacs,infer_macts
resnet50,224,4000.0,256.0,1024,25.56,4.11,11.11
resnet50,288,2592.0,395.0,1024,25.56,6.8,18.37
tf_mixnet_s,224,1000.0,-1,8,4.13,0.25,6.25
"""
ACCURACY = """\
model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation
resnet50.a1_in1k,224,80.1,19.9,94.5,5.5,25.56,0.95,bicubic
resnet50.tv_in1k,224,76.1,23.9,92.9,7.1,25.56,0.875,bilinear
huge.x,224,,10,99,1,"1,014.45",1.0,bicubic
"""


def read(path: Path) -> tuple[list[Row], list[Broken]]:
    found = list(TimmSource(TimmConfig()).rows(path))
    return [f for f in found if isinstance(f, Row)], [f for f in found if isinstance(f, Broken)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv").write_text(BENCHMARK)
    (tmp_path / "results-imagenet.csv").write_text(ACCURACY)
    return tmp_path


def test_a_benchmark_is_joined_with_the_best_weights_of_its_size(folder: Path) -> None:
    rows, broken = read(folder)
    at224, at288 = rows
    assert at224.latency_mean_ms == 256.0
    assert 1e3 * at224.batch_size / at224.latency_mean_ms == pytest.approx(4000.0)
    assert at224.metrics == {
        "params": 25.56e6,
        "macs": 4.11e9,
        "published_top1": 80.1,
        "published_top5": 94.5,
    }
    assert at224.tags["published_weights"] == "resnet50.a1_in1k"
    assert (at224.backend, at224.params["backend.device"]) == ("torch-amp-nchw-pt240-cu124-rtx4090", "cuda")
    assert "published_top1" not in at288.metrics
    assert [b.where for b in broken] == [
        "results-imagenet.csv line 4",
        "benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv line 4",
    ]


@pytest.mark.parametrize("other", ["results-imagenet-a-clean.csv", "results-sketch.csv"])
def test_the_accuracy_of_another_test_set_is_never_taken(folder: Path, other: str) -> None:
    (folder / other).write_text("model,img_size,top1,top5\nresnet50.tv_in1k,224,98.5,99.9\n")
    rows, broken = read(folder)
    assert rows[0].metrics["published_top1"] == 80.1
    assert f"{other}" in [b.where for b in broken]


def test_a_single_file_goes_without_accuracy(folder: Path) -> None:
    rows, _ = read(folder / "benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv")
    assert len(rows) == 2
    assert "published_top1" not in rows[0].metrics


def test_accuracy_alone_is_no_benchmark(folder: Path) -> None:
    with pytest.raises(ConfigError, match="holds no benchmark table of timm"):
        read(folder / "results-imagenet.csv")
