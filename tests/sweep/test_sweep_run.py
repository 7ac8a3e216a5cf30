import csv
import io
from pathlib import Path

from perfexp import load_runs
from perfexp.config.schema import SweepConfig
from perfexp.records import REFUSED, SKIPPED, Outcome
from perfexp.store.tracker import Tracker
from perfexp.sweep import sweep_run

SWEEP = SweepConfig(id="mine-1", name="mine")


def an_outcome(batch_size: int, status: str = "FINISHED", verdict: str = "clean", **swept: str) -> Outcome:
    metrics = {"latency_p50_ms": 2.0, "throughput_images_per_s": 500.0 * batch_size}
    told = (
        {"metrics": metrics, "tags": {"verdict": verdict}} if status != REFUSED else {"reason": "=too large"}
    )
    return Outcome("resnet18", "fake", batch_size, status, run_id="r", variant=swept, **told)


def test_a_sweep_is_a_run_with_counts_table_and_picture(tracker: Tracker, tmp_path: Path) -> None:
    outcomes = [an_outcome(1), an_outcome(8, SKIPPED, "tainted"), an_outcome(64, REFUSED)]
    sweep_run.write(tracker, outcomes[:1], SWEEP, 3, 5.0)
    sweep_run.write(tracker, outcomes, SWEEP, 4, 60.0)
    [run] = load_runs(kind="sweep").to_dict("records")
    assert run["run_name"] == "sweep mine-1" and run["sweep_id"] == "mine-1"
    counts = (
        "cells",
        "cells_measured",
        "cells_measured_before",
        "cells_failed",
        "cells_tainted",
        "cells_left",
    )
    assert [run[name] for name in counts] == [3, 1, 1, 1, 1, 1]
    assert run["sweep_duration_s"] == 60.0
    [folder] = tmp_path.rglob(run["run_id"])
    [table] = folder.rglob("cells.csv")
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [row["batch_size"] for row in rows] == ["1", "8", "64"]
    assert rows[2]["reason"] == "'=too large", "a spreadsheet must not compute it"
    [picture] = folder.rglob("sweep.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_swept_keys_are_told(tracker: Tracker) -> None:
    outcomes = [an_outcome(1, **{"backend.threads": text}) for text in ("1", "2")]
    sweep_run.write(tracker, outcomes, SWEEP, 2, 5.0)
    [run] = load_runs(kind="sweep").to_dict("records")
    assert run["swept_backend_threads"] == "1, 2"
