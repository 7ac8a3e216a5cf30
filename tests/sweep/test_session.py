from dataclasses import replace
from datetime import datetime
from io import StringIO

from mlflow import MlflowClient
from rich.console import Console

from perfexp.config.schema import SweepConfig
from perfexp.records import SKIPPED, Outcome
from perfexp.store.tracker import Tracker
from perfexp.sweep import session


def outcome(batch_size: int = 1, status: str = "FINISHED", model: str = "resnet18") -> Outcome:
    metrics = {"latency_p50_ms": 2.0 * batch_size, "throughput_images_per_s": 500.0}
    failed = status != "FINISHED"
    return Outcome(
        model, "torch", batch_size, status, "It broke." if failed else "", None, {} if failed else metrics
    )


def test_ids_name_the_sweep_and_the_moment() -> None:
    assert session.new_id("quick", datetime(2026, 1, 2, 3, 4, 5, 678901)) == "quick-20260102-030405-678"


def test_table_shows_numbers_and_reasons() -> None:
    screen = StringIO()
    tainted = replace(outcome(8), tags={"verdict": "tainted"})
    session.print_table([tainted, outcome(status="FAILED")], Console(file=screen, width=120))
    shown = screen.getvalue()
    assert "16.000" in shown and "500.0" in shown and "tainted" in shown
    assert "FAILED resnet18 torch b1: It broke." in shown


def test_one_curve_a_model_and_backend(tracker: Tracker) -> None:
    outcomes = [outcome(1), outcome(8), outcome(1, model="vgg16"), outcome(2, status="FAILED")]
    session.write_curves(tracker, outcomes, SweepConfig(id="quick-1", name="quick"))
    runs = MlflowClient(tracker.uri).search_runs([tracker.experiment_id])
    assert sorted(run.info.run_name for run in runs) == ["resnet18 torch curve", "vgg16 torch curve"]
    assert all(run.data.tags["sweep_id"] == "quick-1" and run.data.tags["kind"] == "curve" for run in runs)


def test_curves_hold_what_was_measured_before_and_replace_those_of_before(tracker: Tracker) -> None:
    known = replace(outcome(8), status=SKIPPED)
    for outcomes in ([outcome(1)], [outcome(1), known]):
        session.write_curves(tracker, outcomes, SweepConfig(id="quick-1", name="quick", grid="abc"))
    client = MlflowClient(tracker.uri)
    [run] = client.search_runs([tracker.experiment_id])
    assert [m.step for m in client.get_metric_history(run.info.run_id, "latency_p50_ms")] == [1, 8]


def test_a_cell_beyond_tolerance_is_no_point_of_a_curve(tracker: Tracker) -> None:
    wrong = replace(outcome(8), tags={"parity": "beyond tolerance"})
    session.write_curves(tracker, [outcome(1), wrong], SweepConfig(id="quick-1", name="quick"))
    client = MlflowClient(tracker.uri)
    [run] = client.search_runs([tracker.experiment_id])
    assert [m.step for m in client.get_metric_history(run.info.run_id, "latency_p50_ms")] == [1]


def test_ui_line_names_what_is_not_default(tracker: Tracker) -> None:
    assert session.ui_command(tracker, SweepConfig(id="quick-1")) == "perfexp-ui --sweep quick-1"
    borrowed = replace(outcome(), status=SKIPPED, tags={"sweep_id": "study-1"})
    assert session.ui_command(tracker, SweepConfig(id="quick-1"), [borrowed]) == "perfexp-ui"
    other = Tracker(tracker._client, "http://me:secret@server", "my runs", "1")
    line = session.ui_command(other, SweepConfig())
    assert line == "perfexp-ui --tracking-uri 'http://***@server' --experiment 'my runs'"
