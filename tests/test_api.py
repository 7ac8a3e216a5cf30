import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import perfexp
from perfexp.analysis.results import Results
from perfexp.charts import ChartMissing
from perfexp.errors import CellFailed, ConfigError
from tests.conftest import Perfexp

FAKE = {
    "model": "squeezenet1_1",
    "backend": "fake",
    "input_size": 64,
    "measure": "quick",
    "measure__rounds": 1,
}


@pytest.mark.usefixtures("ready")
def test_a_cell_is_measured_from_python(tmp_path: Path) -> None:
    waits = {"backend__latency_ms": 3, "backend__latency_per_image_ms": 1, "backend__busy": False}
    row = perfexp.measure(root=tmp_path / "mlruns", batch_size=2, **waits, **FAKE)
    assert row[["model", "backend", "batch_size", "status"]].values.tolist() == [
        ["squeezenet1_1", "fake", 2, "FINISHED"]
    ]
    assert row["latency_p50_ms"].item() == pytest.approx(5, rel=0.5)
    assert perfexp.load_runs(root=tmp_path / "mlruns")["run_id"].tolist() == row["run_id"].tolist()


@pytest.mark.usefixtures("ready")
def test_a_cell_that_fails_raises_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(CellFailed, match="fault=raise"):
        perfexp.measure(root=tmp_path / "mlruns", backend__fault="error", **FAKE)
    assert perfexp.load_runs(root=tmp_path / "mlruns", status="FAILED").shape[0] == 1
    with pytest.raises(ConfigError, match="backend.threds"):
        perfexp.measure(root=tmp_path / "mlruns", backend__threds=2, **FAKE)


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
def test_a_script_without_a_guard_measures_once(tmp_path: Path) -> None:
    words = ", ".join(f"{key}={value!r}" for key, value in FAKE.items())
    script = tmp_path / "mine.py"
    script.write_text(f"import perfexp\nprint('once')\nprint(len(perfexp.measure({words})))\n")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("once") == 1 and done.stdout.splitlines()[-1] == "1"


@pytest.mark.usefixtures("ready")
def test_curves_are_read_in_long_form(called: Perfexp) -> None:
    done = called("--multirun", *(f"{k.replace('__', '.')}={v}" for k, v in FAKE.items()), "batch_size=1,2")
    assert done.returncode == 0, done.stderr
    curves = perfexp.load_runs(kind="curve")
    points = perfexp.load_curves(curves)
    assert list(points)[:5] == ["run_id", "run_name", "model", "backend", "batch_size"]
    assert points["batch_size"].tolist() == [1, 2] and points["latency_p50_ms"].notna().all()
    assert list(perfexp.load_curves(curves.iloc[:0])) == list(points)[:5]


def test_runs_are_analysed_and_drawn(called: Perfexp, study: Results) -> None:
    assert called("import", "source=study").returncode == 0
    runs = perfexp.load_runs("published-study", kind="published", where="family == 'VGG'")
    found = perfexp.analyze(runs)
    assert "vgg11" in set(found.scaling["model"]) and found.findings
    assert perfexp.draw("accuracy_throughput", study).axes
    with pytest.raises(ConfigError, match="accuracy_throughput"):
        perfexp.draw("accuracy_throughputs", study)
    with pytest.raises(ChartMissing):
        perfexp.draw("precision", runs)


def test_the_frontier_of_runs() -> None:
    runs = pd.DataFrame({
        "model": list("abcd"),
        "throughput_images_per_s": [10.0, 20.0, 15.0, 5.0],
        "published_top1": [80.0, 70.0, 60.0, None],
    })  # fmt: skip
    assert perfexp.pareto(runs)["model"].tolist() == ["b", "a"]
    assert perfexp.pareto(runs, "throughput_images_per_s", "latency_p50_ms").empty
    with pytest.raises(ConfigError, match="batch_size"):
        perfexp.pareto(runs, "batch_size")
