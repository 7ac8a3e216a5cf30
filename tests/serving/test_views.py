"""The prepared views: their format, their idempotence, and what the installed MLflow makes of it."""

import base64
import json
import zlib
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.utils.validation import MAX_EXPERIMENT_TAG_VAL_LENGTH

from perfexp.metrics import METRICS
from perfexp.serving.views import Kind, SavedView, shared_view, view_url
from perfexp.store.search import mlflow_filter

KINDS: tuple[Kind, ...] = ("cell", "curve")


def state_of(view: SavedView) -> dict:
    packed = json.loads(view.tag_value)["state"]
    assert packed.startswith("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed.removeprefix("deflate;"))))


def test_cells_of_a_sweep_are_filtered_and_all_shown():
    state = state_of(shared_view("quick-1", 5))
    assert state["searchFilter"] == "tags.kind = 'cell' AND tags.sweep_id = 'quick-1'"
    assert state["runsHiddenMode"] == "SHOW_ALL"
    for column in ("params.`model.name`", "params.`backend.name`", "params.`batch_size`"):
        assert column in state["selectedColumns"]
    for metric in ("latency_p50_ms", "throughput_images_per_s", "memory_peak_mb"):
        assert f"metrics.`{metric}`" in state["selectedColumns"]


def test_swept_keys_are_columns_beside_the_name_and_axes_of_the_parallel_coordinates():
    state = state_of(shared_view("quick-1", 5, "cell", ["backend.threads"]))
    assert state["columnOrder"][:3] == [
        "attributes.`Run Name`",
        "params.`backend.threads`",
        "params.`batch_size`",
    ]
    (parallel,) = (card for card in state["compareRunCharts"] if card["type"] == "PARALLEL")
    assert parallel["selectedParams"] == ["batch_size", "backend.threads"]


def test_without_a_sweep_only_the_kind_is_filtered():
    assert state_of(shared_view(None, 5, "curve"))["searchFilter"] == "tags.kind = 'curve'"


def test_curves_are_log_log_lines_over_the_step():
    cards = state_of(shared_view("quick-1", 5, "curve"))["compareRunCharts"]
    assert {card["metricKey"] for card in cards} >= {"latency_p50_ms", "throughput_images_per_s"}
    for card in cards:
        shape = (card["type"], card["xAxisKey"], card["xAxisScaleType"], card["scaleType"])
        assert shape == ("LINE", "step", "log", "log")


def test_cells_have_scatters_and_parallel_coordinates():
    cards = state_of(shared_view("quick-1", 5))["compareRunCharts"]
    assert [card["type"] for card in cards].count("SCATTER") == 2
    (parallel,) = (card for card in cards if card["type"] == "PARALLEL")
    assert parallel["selectedParams"] == ["batch_size"]
    assert parallel["selectedMetrics"] == ["latency_p50_ms", "throughput_images_per_s", "memory_peak_mb"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_metric_named_is_one_that_perfexp_writes(kind):
    state = state_of(shared_view("quick-1", 5, kind))
    named = {c.split("`")[1] for c in state["selectedColumns"] if c.startswith("metrics.")}
    for card in state["compareRunCharts"]:
        named |= {card["metricKey"]} if "metricKey" in card else set()
        named |= {card[axis]["key"] for axis in ("xaxis", "yaxis") if axis in card}
        named |= set(card.get("selectedMetrics", []))
    assert named <= set(METRICS)


@pytest.mark.parametrize("kind", KINDS)
def test_writing_again_replaces_and_only_the_date_differs(kind):
    first, second = shared_view("quick-1", 1, kind), shared_view("quick-1", 2, kind)
    assert (first.share_key, first.tag_name) == (second.share_key, second.tag_name)
    assert state_of(first) == state_of(second)
    assert json.loads(second.tag_value)["createdAt"] == 2


def test_sweeps_and_kinds_do_not_share_a_key():
    keys = {shared_view(sweep, 1, kind).share_key for sweep in ("a", "b", None) for kind in KINDS}
    assert len(keys) == 6


def test_the_tag_fits_even_for_a_long_sweep_id():
    assert len(shared_view("s" * 2000, 1).tag_value) < MAX_EXPERIMENT_TAG_VAL_LENGTH


def test_address_with_and_without_a_view():
    view = shared_view("quick-1", 1)
    plain = "http://127.0.0.1:5000/#/experiments/7/runs?workflowType=machine_learning"
    assert view_url("http://127.0.0.1:5000/", "7", None) == plain
    for mode in ("CHART", "TABLE"):
        assert view_url("http://127.0.0.1:5000", "7", view, mode) == (
            f"http://127.0.0.1:5000/#/experiments/7/runs?viewStateShareKey={view.share_key}"
            f"&compareRunsMode={mode}&workflowType=machine_learning"
        )


@pytest.mark.parametrize("kind", KINDS)
def test_the_installed_page_knows_every_field(kind):
    scripts = Path(mlflow.__file__).parent.glob("server/js/build/static/js/*.js")
    page = "\n".join(script.read_text(encoding="utf-8") for script in scripts)
    state = state_of(shared_view("quick-1", 1, kind))
    entries = [state, *state["compareRunCharts"], *state["compareRunSections"]]
    fields = {field for entry in entries for field in entry}
    words = {state["runsHiddenMode"], *(card["type"] for card in state["compareRunCharts"])}
    assert "mlflow.sharedViewState." in page
    assert {word for word in fields | words if word not in page} == set()


@pytest.mark.parametrize("value", ["plain-1", "it's", 'say "so"'])
def test_mlflow_understands_the_filter(tmp_path, value):
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.create_experiment("e", artifact_location=(tmp_path / "artifacts").as_uri())
    wanted = client.create_run(experiment, tags={"kind": "cell", "sweep_id": value})
    client.create_run(experiment, tags={"kind": "curve", "sweep_id": value})
    client.create_run(experiment, tags={"kind": "cell", "sweep_id": "other"})
    found = client.search_runs([experiment], mlflow_filter(kind="cell", sweep_id=value))
    assert [run.info.run_id for run in found] == [wanted.info.run_id]
