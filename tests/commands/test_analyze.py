"""The real command: from runs in a store to a report, or to one sentence on what is wrong."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from perfexp import load_runs
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker

SIZES = (1, 2, 4, 8, 16)
MODELS = {"aaa1": (3.0, 0.5), "aaa2": (6.0, 0.7), "bbb1": (30.0, 5.0), "bbb2": (40.0, 9.0)}


def cell(model: str, batch_size: int, latency_ms: float, **tags: str) -> RunData:
    metrics = {
        "latency_p50_ms": latency_ms,
        "latency_mean_ms": latency_ms * 1.1,
        "latency_per_image_ms": latency_ms / batch_size,
        "throughput_images_per_s": 1e3 * batch_size / latency_ms,
        "params": 1e6 * (1 + len(model)),
        "macs": 1e9,
        "published_top1": 70.0 + batch_size / 100,
        "published_top5": 90.0,
    }
    return RunData(
        name=f"{model} {batch_size}",
        status="FINISHED",
        started_ms=1000,
        metrics=[(name, value, 0) for name, value in metrics.items()],
        params={"model.name": model, "backend.name": "torch", "batch_size": str(batch_size)},
        tags={"kind": "cell", "family": model[:3], "display_name": model.upper(), "host": "here"} | tags,
    )


@pytest.fixture
def measured(tracker: Tracker) -> Tracker:
    """Four models at five batch sizes, with a little deterministic unevenness."""
    tracker.write_all(
        [
            cell(model, b, (fixed + marginal * b) * (1 + 0.02 * ((i * 7 + b) % 5 - 2)))
            for i, (model, (fixed, marginal)) in enumerate(MODELS.items())
            for b in SIZES
        ]
    )
    return tracker


def test_runs_become_a_report_and_a_run_of_its_own(command, measured: Tracker, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("was here before")
    done = command("analyze", "experiment=perfexp", "output=out")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert all(
        re.search(rf"^{stage} +\d+\.\d\d s$", done.stdout, re.M)
        for stage in ("query", "regressions", "report")
    )
    assert "20 cells were analysed: 4 models" in done.stdout
    scaling = pd.read_csv(tmp_path / "out" / "tables" / "scaling.csv")
    affine = scaling[(scaling["model"] == "bbb1") & (scaling["form"] == "affine")]
    assert json.loads(affine["params"].item())["marginal_ms"] == pytest.approx(5, rel=0.1)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "perfexp analyze experiment=perfexp output=out" in page
    runs = load_runs(kind="analysis")
    [run_id] = runs["run_id"]
    client = MlflowClient(measured.uri)
    top = {f.path for f in client.list_artifacts(run_id)}
    assert top == {"figures", "tables", "models.json", "report.html", "runs_used.csv"}
    assert {"tables/scaling.csv", "tables/anova.csv"} <= {
        f.path for f in client.list_artifacts(run_id, "tables")
    }
    assert {Path(f.path).suffix for f in client.list_artifacts(run_id, "figures")} == {".svg", ".png"}
    assert set(runs["runs_used"].item().split()) == set(load_runs()["run_id"])


def test_failed_and_tainted_runs_are_left_out_and_said(called, measured: Tracker, tmp_path: Path) -> None:
    measured.write(cell("aaa1", 1, 99.0, verdict="tainted"))
    broken = cell("aaa1", 64, 1.0)
    measured.write(RunData(broken.name, "FAILED", 1000, [], broken.params, dict(broken.tags)))
    done = called("analyze", "output=out")
    assert done.returncode == 0, done.stderr
    assert "2 runs were left out" in done.stdout
    left_out = pd.read_csv(tmp_path / "out" / "tables" / "left_out.csv")
    assert sorted(left_out["reason"]) == [
        "a newer or cleaner run of the same cell is used",
        "the cell failed",
    ]
    assert pd.read_csv(tmp_path / "out" / "tables" / "runs.csv")["latency_ms"].max() < 99 * 5


def test_published_runs_are_used_alone_or_when_asked_for(called, measured: Tracker, tmp_path: Path) -> None:
    lines = [f"net{i},{3 + i},{4 + i},{6 + i},{9 + i}" for i in range(5)]
    (tmp_path / "mine.csv").write_text("\n".join(["model,bs1,bs2,bs4,bs8", *lines]))
    done = called("import", "source=csv", "path=mine.csv", "experiment=perfexp")
    assert done.returncode == 0, done.stderr
    alone = called("analyze", "output=out")
    assert "20 published runs are left aside; data=published or data=both would use them." in alone.stdout
    assert "20 cells were analysed: 4 models" in alone.stdout
    both = called("analyze", "data=both", "output=out")
    assert "40 cells were analysed: 9 models, 2 backends" in both.stdout
    assert "the median of a batch's wall times for cell runs and the mean" in both.stdout


def test_measured_accuracy_is_that_of_the_experiments_evaluations(
    called, measured: Tracker, tmp_path: Path
) -> None:
    for number, model in enumerate(MODELS):
        params = {
            "model.name": model,
            "backend.name": "torch",
            "backend.precision": "f32",
            "batch_size": "32",
        }
        top1 = 50.0 + number
        metrics = {"top1": top1, "top1_low": top1 - 9, "top1_high": top1 + 9, "top5": 80.0, "images": 118.0}
        metrics["model_images_per_s"] = 100.0
        tags = {"kind": "evaluation", "family": model[:3], "dataset_digest": "photos", "host": "here"}
        values = [(name, value, 0) for name, value in metrics.items()]
        measured.write(RunData(model, "FINISHED", 1000, values, {**params, "dataset.name": "samples"}, tags))
    done = called("analyze", "accuracy=measured", "output=out")
    assert done.returncode == 0, done.stderr
    runs = pd.read_csv(tmp_path / "out" / "tables" / "runs.csv")
    assert runs.groupby("model")["top1"].unique().map(list).tolist() == [[50.0], [51.0], [52.0], [53.0]]
    assert len(pd.read_csv(tmp_path / "out" / "tables" / "evaluations.csv")) == 4
    assert (tmp_path / "out" / "figures" / "precision.png").is_file()


def test_the_default_output_is_below_mlruns(called, measured: Tracker, tmp_path: Path) -> None:
    done = called("analyze", "where=batch_size < 8")
    assert done.returncode == 0, done.stderr
    [page] = (tmp_path / "mlruns" / "analysis").glob("perfexp-*/report.html")
    assert "where=batch_size" in page.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"mlruns"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["experiment=perfexq"], 3, "There is no experiment 'perfexq'"),
        (["where=batch_size > 99"], 4, "None of the 20 runs of the experiment 'perfexp' matches"),
        (["where=batch_size > 99"], 4, "backend torch: ask for some of these"),
        (["sweep=none"], 4, "None of the 20 runs"),
        (["data=published"], 4, "there are runs of kind cell"),
        (["data=all"], 2, "expected one of [measured, published, both]"),
        (["where=no_such == 1"], 2, "is not a query over the runs' columns"),
        (["experiment=Default"], 4, "holds no runs of cells"),
        (["accuracy=measured"], 4, "needs evaluations, and the experiment 'perfexp' holds none"),
    ],
)
def test_bad_input_is_one_sentence(
    called, measured: Tracker, arguments: list[str], code: int, words: str
) -> None:
    done = called("analyze", *arguments)
    assert done.returncode == code, done.stdout
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_mixed_hosts_are_refused_by_name(called, measured: Tracker) -> None:
    measured.write(cell("aaa1", 32, 20.0, host="there"))
    done = called("analyze", "output=out")
    assert done.returncode == 2
    assert "The runs differ in host (here, there)" in done.stderr and "allow_mixed=true" in done.stderr
    assert called("analyze", "output=out", "allow_mixed=true").returncode == 0


@pytest.mark.slow
def test_the_studys_table_from_import_to_report(called, tmp_path: Path) -> None:
    assert called("import", "source=study", "experiment=study").returncode == 0
    done = called("analyze", "experiment=study", "output=out")
    assert done.returncode == 0, done.stderr
    scaling = pd.read_csv(tmp_path / "out" / "tables" / "scaling.csv")
    affine = scaling[scaling["form"] == "affine"]
    assert len(affine) == 33
    assert affine["mape_in_sample"].median() <= 0.062
    assert affine["ape_largest_batch"].median() <= 0.085
    assert (
        scaling.loc[scaling["selected"], "ape_largest_batch"].median() <= affine["ape_largest_batch"].median()
    )
    assert "DenseNet-201 on torch-colab at batch size 1, 2" in done.stdout
