"""The commands perfexp predict and perfexp plan on a small imported table."""

import csv
import json
from pathlib import Path

import pytest

import perfexp
from perfexp.prediction import validation
from perfexp.prediction.model import backend_model
from tests.conftest import Perfexp

TABLE = """model,family,bs1,bs2,bs4,bs8
alexnet,AlexNet,3.1,1.8,1.0,0.6
vgg11,VGG,3.4,1.9,1.2,0.7
vgg11_bn,VGG,3.9,2.1,1.3,0.8
resnet18,ResNet,4.1,2.2,1.2,0.8
resnet34,ResNet,7.1,3.7,2.0,1.3
squeezenet1_0,SqueezeNet,3.9,2.0,1.1,0.6
squeezenet1_1,SqueezeNet,3.8,1.9,1.0,0.5
"""


@pytest.fixture
def imported(tmp_path: Path, command: Perfexp) -> None:
    """The table as runs of the experiment ``table``."""
    (tmp_path / "table.csv").write_text(TABLE)
    options = ("path=table.csv", "source.per=image", "source.family_column=family", "experiment=table")
    result = command("import", "source=csv", *options)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("imported")
def test_predictions_refusals_validation_and_plan(tmp_path: Path, command: Perfexp, called: Perfexp) -> None:
    on = "experiment=table"
    result = command("predict", "model=resnet34", "batch_size=6", on)
    assert "predicted from its own batch sizes" in result.stdout, result.stderr
    assert "learned from 4 runs" in result.stdout
    result = called("predict", "model=resnet18,mobilenet_v2", "batch_size=8", on, "--multirun")
    assert "resnet18 on published" in result.stdout, result.stderr
    assert "mobilenet_v2 on published" in result.stdout

    refusals = {
        "lies outside what was measured": ("model=resnet34", "batch_size=4096", "strict=true"),
        "Nothing was measured on the backend 'openvino' here": ("model=resnet34", "backend=openvino"),
        "no model named 'resnet9'": ("model=torchvision", "model.name=resnet9"),
        "holds no finished run that matches": ("model=resnet34", "where='batch_size > 99'"),
        "coverage must lie between 0 and 1": ("model=resnet34", "coverage=90"),
    }
    for sentence, arguments in refusals.items():
        result = called("predict", *arguments, on)
        assert result.returncode == (4 if "holds no" in sentence else 2)
        assert sentence in result.stderr
        assert len(result.stderr.splitlines()) == 1

    result = called("predict", "validate=true", "output=out", on)
    assert result.returncode == 0, result.stderr
    with (tmp_path / "out" / "validation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == validation.COLUMNS
    assert {row["scheme"] for row in rows} >= {"model", "family"}
    for name in ("error_by_family", "coverage"):
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 0
    kept = (tmp_path / "out" / "model_0.json").read_text()
    assert len(backend_model.from_json(kept).cells) == 28
    assert len({cell[0] for cell in json.loads(kept)["cells"]["data"]}) == 28

    result = command("plan", "max_latency_ms=7", "min_top1=60", "batch_sizes=[1,3]", on)
    assert "measured" in result.stdout and "predicted" in result.stdout, result.stderr
    result = called("plan", "max_latency_ms=70", "models=[resnet34,mobilenet_v2]", "batch_sizes=[1]", on)
    assert "mobilenet_v2" in result.stdout and "resnet34" in result.stdout, result.stderr
    assert "alexnet" not in result.stdout
    result = called("plan", "max_latency_ms=0.001", "batch_sizes=[1,3]", on)
    assert result.returncode == 1
    assert "loosen one" in result.stderr

    frame = perfexp.predict(model="resnet34", batch_size=6, experiment="table")
    assert frame[["backend", "in_domain"]].values.tolist() == [["published", True]]
    assert (frame["low_ms"] < frame["latency_ms"]).all() and (frame["latency_ms"] < frame["high_ms"]).all()
    frame = perfexp.plan(max_latency_ms=7, min_top1=60, batch_sizes=[1, 3], experiment="table")
    assert set(frame["verdict"]) <= {"meets", "doubtful", "fails"} and len(frame) == 14
