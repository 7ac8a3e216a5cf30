from dataclasses import replace

from mlflow import MlflowClient

from perfexp.config.schema import SweepConfig
from perfexp.records import SKIPPED
from perfexp.store.tracker import Tracker
from perfexp.sweep import curves
from tests.sweep.test_session import outcome


def test_one_curve_a_model_and_backend(tracker: Tracker) -> None:
    outcomes = [outcome(1), outcome(8), outcome(1, model="vgg16"), outcome(2, status="FAILED")]
    curves.write(tracker, outcomes, SweepConfig(id="quick-1", name="quick"))
    runs = MlflowClient(tracker.uri).search_runs([tracker.experiment_id])
    assert sorted(run.info.run_name for run in runs) == ["resnet18 torch curve", "vgg16 torch curve"]
    assert all(run.data.tags["sweep_id"] == "quick-1" and run.data.tags["kind"] == "curve" for run in runs)


def test_curves_hold_what_was_measured_before_and_replace_those_of_before(tracker: Tracker) -> None:
    known = replace(outcome(8), status=SKIPPED)
    for outcomes in ([outcome(1)], [outcome(1), known]):
        curves.write(tracker, outcomes, SweepConfig(id="quick-1", name="quick", grid="abc"))
    client = MlflowClient(tracker.uri)
    [run] = client.search_runs([tracker.experiment_id])
    assert [m.step for m in client.get_metric_history(run.info.run_id, "latency_p50_ms")] == [1, 8]


def test_a_cell_beyond_tolerance_is_no_point_of_a_curve(tracker: Tracker) -> None:
    wrong = replace(outcome(8), tags={"parity": "beyond tolerance"})
    curves.write(tracker, [outcome(1), wrong], SweepConfig(id="quick-1", name="quick"))
    client = MlflowClient(tracker.uri)
    [run] = client.search_runs([tracker.experiment_id])
    assert [m.step for m in client.get_metric_history(run.info.run_id, "latency_p50_ms")] == [1]


def test_one_curve_a_combination_of_all_other_swept_keys(tracker: Tracker) -> None:
    cells = [
        replace(outcome(size), variant={"backend.precision": precision, "input_size": pixels})
        for size in (1, 8)
        for precision in ("f32", "bf16")
        for pixels in ("96", "160")
    ]
    curves.write(tracker, cells, SweepConfig(id="quick-1", name="quick"))
    runs = MlflowClient(tracker.uri).search_runs([tracker.experiment_id])
    assert {run.info.run_name for run in runs} == {
        f"resnet18 torch precision={precision} input_size={pixels} curve"
        for precision in ("f32", "bf16")
        for pixels in ("96", "160")
    }
    assert all(run.data.params["backend.precision"] in ("f32", "bf16") for run in runs)


def test_two_files_of_one_name_are_two_curves(tracker: Tracker) -> None:
    cells = [
        replace(outcome(size), variant={"weights": f"/{folder}/best.pt"})
        for size in (1, 8)
        for folder in ("a", "b")
    ]
    curves.write(tracker, cells, SweepConfig(id="quick-1", name="quick"))
    client = MlflowClient(tracker.uri)
    runs = client.search_runs([tracker.experiment_id])
    assert {run.data.params["weights"] for run in runs} == {"/a/best.pt", "/b/best.pt"}
    for run in runs:
        history = client.get_metric_history(run.info.run_id, "latency_p50_ms")
        assert [point.step for point in history] == [1, 8]
