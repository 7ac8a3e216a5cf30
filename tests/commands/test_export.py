from pathlib import Path

import pandas as pd
import pytest

from perfexp import load_runs
from tests.conftest import Perfexp


def test_runs_are_written_as_timms_tables_and_read_again(tmp_path: Path, called: Perfexp) -> None:
    assert called("import", "source=study").returncode == 0
    done = called("export", "experiment=published-study", "output=out")
    assert done.returncode == 0, done.stderr
    [path] = (tmp_path / "out").glob("*.csv")
    table = pd.read_csv(path)
    runs = load_runs("published-study", kind="published")
    assert len(table) == len(runs) and str(path.name) in done.stdout
    row = table[(table["model"] == "resnet50") & (table["infer_batch_size"] == 8)].iloc[0]
    run = runs[(runs["model"] == "resnet50") & (runs["batch_size"] == 8)].iloc[0]
    assert row["infer_step_time"] == pytest.approx(run["latency_mean_ms"])
    assert row["infer_samples_per_sec"] == pytest.approx(run["throughput_images_per_s"])
    assert row["param_count"] == pytest.approx(run["params"] / 1e6)


@pytest.mark.usefixtures("ready")
def test_a_measured_run_goes_out_and_comes_back(tmp_path: Path, called: Perfexp) -> None:
    cell = ("model=squeezenet1_1", "input_size=64", "backend=fake", "measure=quick", "measure.rounds=1")
    assert called(*cell, "batch_size=2").returncode == 0
    assert called("export", "output=out").returncode == 0
    done = called("import", "source=timm", "path=out", "experiment=back")
    assert done.returncode == 0, done.stderr
    [run] = load_runs("back", kind="published").to_dict("records")
    [own] = load_runs().to_dict("records")
    assert run["latency_mean_ms"] == pytest.approx(own["latency_mean_ms"])
    assert (run["precision"], run["device"], run["params"]) == ("f32", "cpu", own["params"])


def test_nothing_to_write_is_one_sentence(called: Perfexp) -> None:
    assert called("import", "source=study").returncode == 0
    done = called("export", "experiment=published-study", "where='batch_size > 99'", "output=out")
    assert done.returncode == 4 and len(done.stderr.splitlines()) == 1
