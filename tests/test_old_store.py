"""A store that perfexp wrote before its modules, its backend ``fake`` and ``measure.precision`` were renamed.

``support/store_0_1_0.sql.gz`` is the dump of a sweep of two models on ``fake`` and ``openvino`` at three
batch sizes, and of one failed cell.
"""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

import perfexp
from perfexp import cell, environment
from perfexp.config.schema import Cell, MeasureConfig, ModelConfig
from perfexp.plugins import BACKENDS

DUMP = Path(__file__).with_name("support") / "store_0_1_0.sql.gz"
ONE_MOMENT = (
    "measure.rounds=1", "measure.max_rounds=1", "measure.calm_within=null", "measure.rel_half_width=0.02",
)  # fmt: skip
"""How the first release measured."""
SWEEP = (
    "--multirun", "model=squeezenet1_1,shufflenet_v2_x0_5", "backend=fake,openvino", "batch_size=1,2,4",
    "measure=quick", "measure.budget_s=0.3", "measure.min_s=0.05", "measure.min_iterations=5",
    "input_size=32", *ONE_MOMENT,
)  # fmt: skip


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store below the current directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mlruns" / "mlflow.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(gzip.decompress(DUMP.read_bytes()).decode())
    return path


def as_cell(run: pd.Series, folder: Path) -> Cell:
    """The cell that a run measured, as today's configuration describes it."""
    measure = MeasureConfig(
        warmup_iterations=2, warmup_s=0.1, warmup_max_s=0.5, min_iterations=5, min_s=0.05, budget_s=0.3,
        rounds=1, max_rounds=1, calm_within=None, rel_half_width=0.02,
    )  # fmt: skip
    return Cell(
        model=ModelConfig(
            "torchvision", run["model"], run["display_name"], run["family"], int(run["model_min_input_size"])
        ),
        backend=BACKENDS.schema(run["backend"])(),
        measure=measure,
        batch_size=int(run["batch_size"]),
        input_size=32,
        cache_dir=str(folder),
    )


def test_it_loads_under_todays_names(old: Path) -> None:
    runs = perfexp.load_runs()
    assert len(runs) == 12
    assert set(runs["backend"]) == {"fake", "openvino"}
    assert set(runs["measure_rel_half_width"]) == {0.02}
    assert "measure_precision" not in runs
    assert len(perfexp.load_runs(where="backend == 'fake' and batch_size <= 2")) == 4
    [failed] = perfexp.load_runs(status="FAILED").to_dict("records")
    assert failed["backend"] == "fake"


def test_its_cells_have_the_keys_that_they_had(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = perfexp.load_runs()
    first = runs.iloc[0]
    host = {name: str(first[name]) for name in ("host", "cpu", "cpus", "system")} | {"machine": "x86_64"}
    monkeypatch.setattr(environment, "host", lambda: host)
    versions = {
        name.removeprefix("version_"): str(first[name]) for name in runs if name.startswith("version_")
    }
    monkeypatch.setattr("perfexp.cell.version", versions.__getitem__)
    monkeypatch.setattr("perfexp.backends.base.version", versions.__getitem__)
    for _, run in runs.iterrows():
        assert cell.key(as_cell(run, old.parent)) == run["cell_key"]


@pytest.mark.slow
def test_it_is_analysed(old: Path, called) -> None:
    done = called("analyze", "output=out", "allow_tainted=true")
    assert done.returncode == 0, done.stderr
    assert (old.parents[1] / "out" / "report.html").is_file()


@pytest.mark.slow
def test_it_resumes(old: Path, called) -> None:
    """Its keys are of another host, which measured it: they are replaced by those of this one."""
    runs = perfexp.load_runs()
    keys = {run["run_id"]: cell.key(as_cell(run, old.parent)) for _, run in runs.iterrows()}
    with closing(sqlite3.connect(old)) as connection, connection:
        statement = "UPDATE tags SET value = ? WHERE run_uuid = ? AND key = 'cell_key'"
        connection.executemany(statement, [(key, run_id) for run_id, key in keys.items()])
    done = called(*SWEEP)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("measured before") == 12
    assert len(perfexp.load_runs()) == 12
