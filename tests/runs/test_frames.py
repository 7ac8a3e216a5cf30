import perfexp
from perfexp.store.tracker import Tracker
from tests.runs.test_load import filled  # noqa: F401 - a fixture


def test_samples_in_long_form(filled: Tracker) -> None:  # noqa: F811
    runs = perfexp.load_runs(sweep="quick-1", where="batch_size > 1", columns="core")
    samples = perfexp.load_samples(runs)
    assert list(samples) == [
        "run_id",
        "run_name",
        "model",
        "backend",
        "batch_size",
        "iteration",
        "latency_ms",
    ]
    assert samples["iteration"].tolist() == [0, 1, 0, 1]
    assert sorted(samples["latency_ms"]) == [8.0, 8.0, 64.0, 64.0]
    assert list(perfexp.load_samples(runs.iloc[:0])) == list(samples)


def test_sweeps_and_experiments_of_a_store(filled: Tracker) -> None:  # noqa: F811
    found = perfexp.sweeps()
    assert found["sweep_id"].tolist() == ["quick-2", "quick-1"]
    assert found[["cells", "failed", "models"]].values.tolist() == [[4, 1, 1], [3, 0, 1]]
    assert perfexp.experiments() == ["other", "perfexp"]
    assert perfexp.METRICS["latency_p50_ms"].unit == "ms" and "sweeps" in dir(perfexp)
