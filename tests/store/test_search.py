import pytest
from mlflow import MlflowClient

from perfexp.errors import ConfigError
from perfexp.store import search
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker


@pytest.mark.parametrize(
    ("filters", "query"),
    [
        ({}, ""),
        ({"kind": "cell", "sweep_id": None}, "tags.kind = 'cell'"),
        ({"status": "RUNNING", "kind": "cell"}, "tags.kind = 'cell' AND attributes.status = 'RUNNING'"),
        ({"sweep": "it's"}, 'tags.sweep = "it\'s"'),
    ],
)
def test_a_filter_names_what_is_given(filters: dict[str, str | None], query: str) -> None:
    assert search.mlflow_filter(**filters) == query


def test_both_quotation_marks_are_refused() -> None:
    with pytest.raises(ConfigError, match="both kinds of quotation marks"):
        search.mlflow_filter(sweep="'\"")


def test_runs_on_every_page_are_found_and_discarded(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_PAGE", 2)
    tracker.write_all([RunData(f"run {n}", "FINISHED", n, [], {}, {"kind": "curve"}) for n in range(5)])
    client, query = MlflowClient(tracker.uri), search.mlflow_filter(kind="curve")
    assert len(list(search.runs(client, tracker.experiment_id, query))) == 5
    newest = search.newest(client, tracker.experiment_id, query)
    assert newest is not None and newest.info.run_name == "run 4"
    tracker.discard(kind="curve")
    assert search.newest(client, tracker.experiment_id, query) is None
