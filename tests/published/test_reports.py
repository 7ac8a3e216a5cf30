"""The result files of three other tools: benchmark_app's are made by the real program."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perfexp import load_runs
from perfexp.errors import ConfigError
from perfexp.plugins import TABLES
from perfexp.published.base import Broken, Row
from tests.conftest import Perfexp

ONNXRUNTIME = """\
resnet50,0.010,123456,55,0
resnet50,0.012,123456,55,1
resnet50,0.011,123456,55,2
resnet50,-1,123456,55,3

Min Latency is 0.010sec
P50 Latency is 0.011sec
"""
CONFIG = {
    "name": "vision",
    "backend": {"name": "pytorch", "model": "timm/resnet18.a1_in1k", "library": "timm", "device": "cpu"},
    "scenario": {"name": "inference", "input_shapes": {"batch_size": 2, "num_channels": 3}},
}
LATENCY = {"unit": "s", "values": [0.01, 0.02, 0.03], "mean": 0.02, "p50": 0.02}
REPORT = {"load": {"latency": None}, "forward": {"latency": LATENCY, "throughput": None}}


def read(source: str, path: Path, **options: object) -> tuple[list[Row], list[Broken]]:
    kind = TABLES.find(source)
    found = list(kind(kind.Config(**options)).rows(path))
    return [f for f in found if isinstance(f, Row)], [f for f in found if isinstance(f, Broken)]


@pytest.fixture
def network(tmp_path: Path) -> Path:
    import openvino as ov
    from openvino import opset13 as op

    image = op.parameter([2, 3, 16, 16], np.float32, name="image")
    filters = op.constant(np.ones((4, 3, 3, 3), np.float32))
    done = op.convolution(image, filters, [1, 1], [1, 1], [1, 1], [1, 1])
    ov.save_model(ov.Model([done], [image], "tiny"), tmp_path / "tiny.xml")
    return tmp_path / "tiny.xml"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_real_report_of_benchmark_app(network: Path, tmp_path: Path, called: Perfexp, form: str) -> None:
    program = Path(sys.executable).with_name("benchmark_app")
    options = [
        "-m",
        network,
        "-t",
        "1",
        "-nireq",
        "1",
        "-report_type",
        "no_counters",
        "-report_folder",
        tmp_path,
    ]
    done = subprocess.run(
        [program, *options, *(["-json_stats"] if form == "json" else [])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    [row], broken = read("benchmark_app", tmp_path)
    assert not broken
    assert (row.model, row.backend, row.batch_size) == ("tiny", "benchmark_app-CPU", 2)
    assert row.metrics["latency_min_ms"] <= row.latency_mean_ms <= row.metrics["latency_max_ms"]
    assert called("import", "source=benchmark_app", f"path={tmp_path}", "experiment=others").returncode == 0
    [run] = load_runs("others", kind="published").to_dict("records")
    assert run["latency_mean_ms"] == row.latency_mean_ms and run["batch_size"] == 2


def test_several_requests_at_once_are_no_latency_of_a_batch(tmp_path: Path) -> None:
    setup = {
        "topology": "a",
        "target device": "CPU",
        "batch size": "1",
        "number of parallel infer requests": "4",
    }
    content = {"configuration_setup": setup, "execution_results": {"avg latency": "3.1"}}
    (tmp_path / "benchmark_report.json").write_text(json.dumps(content))
    rows, [broken] = read("benchmark_app", tmp_path)
    assert not rows and "4 requests ran at once" in broken.reason
    for wrong in ("[]", "{", '{"configuration_setup": {}}'):
        (tmp_path / "benchmark_report.json").write_text(wrong)
        rows, [broken] = read("benchmark_app", tmp_path)
        assert not rows and broken.reason


def test_results_of_onnxruntime_perf_test(tmp_path: Path) -> None:
    (tmp_path / "result.txt").write_text(ONNXRUNTIME)
    [row], [broken] = read("onnxruntime", tmp_path / "result.txt", batch_size=4)
    assert (row.model, row.batch_size, row.metrics["iterations"]) == ("resnet50", 4, 3.0)
    assert row.latency_mean_ms == pytest.approx(11.0)
    assert broken.where == "result.txt line 4"


@pytest.mark.parametrize("whole", [True, False])
def test_results_of_optimum_benchmark(tmp_path: Path, whole: bool) -> None:
    if whole:
        (tmp_path / "benchmark.json").write_text(json.dumps({"config": CONFIG, "report": REPORT}))
    else:
        (tmp_path / "benchmark_config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "benchmark_report.json").write_text(json.dumps(REPORT))
    [row], broken = read("optimum", tmp_path)
    assert not broken
    assert (row.model, row.backend, row.batch_size) == ("resnet18.a1_in1k", "optimum-pytorch", 2)
    assert row.latency_mean_ms == pytest.approx(20.0)


def test_what_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "benchmark.json").write_text(json.dumps({"config": CONFIG, "report": {"prefill": {}}}))
    rows, [broken] = read("optimum", tmp_path)
    assert not rows and broken.reason.startswith("report.forward: ")
    for source in ("optimum", "benchmark_app"):
        with pytest.raises(ConfigError, match="holds no"):
            read(source, _empty(tmp_path))
        with pytest.raises(ConfigError, match="does not exist"):
            read(source, tmp_path / "nowhere")


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir(exist_ok=True)
    return folder / "empty"
