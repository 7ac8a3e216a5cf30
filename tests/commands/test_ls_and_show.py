import pytest

from perfexp import load_runs
from tests.conftest import Perfexp


@pytest.mark.usefixtures("ready")
def test_lists_and_one_run(called: Perfexp) -> None:
    cell = ("model=squeezenet1_1", "input_size=64", "backend=fake", "measure=quick", "measure.rounds=1")
    assert called("--multirun", *cell, "batch_size=1,2").returncode == 0
    expected = {
        "models": "squeezenet1_1",
        "backends": "openvino",
        "presets": "quick",
        "sweeps": "sweep-",
        "experiments": "perfexp",
        "runs": "squeezenet1_1 fake b2",
    }
    for what, text in expected.items():
        done = called("ls", what)
        assert done.returncode == 0 and text in done.stdout, done.stderr
    run = load_runs(where="batch_size == 2").iloc[0]
    for named in (run["run_id"], run["run_id"][:8], run["run_name"]):
        done = called("show", named)
        assert done.returncode == 0, done.stderr
        assert run["run_id"] in done.stdout and "latency_p50_ms" in done.stdout and "absent" in done.stdout


def test_what_is_not_there_is_one_sentence(called: Perfexp) -> None:
    assert called("import", "source=study", "experiment=perfexp").returncode == 0
    for words, code, sentence in (
        (("ls", "model"), 2, "models"),
        (("ls", "where=a"), 2, "Nothing is named"),
        (("ls", "sweeps"), 4, "There are no sweeps"),
        (("show", "no such run"), 4, "There is no run 'no such run'"),
        (("show", "a", "b"), 2, "takes one run"),
        (("show", "a", "experiment=gone"), 3, "There is no experiment 'gone'"),
    ):
        done = called(*words)
        assert done.returncode == code and sentence in done.stderr, (words, done.stderr)
        assert len(done.stderr.splitlines()) == 1
