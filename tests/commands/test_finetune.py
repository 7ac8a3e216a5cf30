"""Fine-tuning on a small real set, and its checkpoint used by name."""

from pathlib import Path

import pytest

from perfexp import load_runs
from perfexp.errors import Exit, TrackingError
from perfexp.store.tracker import Tracker
from tests.support.packaged import Packaged


@pytest.mark.slow
def test_digits_are_learnt_and_the_checkpoint_is_named_by_its_run(
    command, evaluate, tmp_path: Path, packaged: Packaged
) -> None:
    model = ("model=squeezenet1_1", "model.classes=10", "workers=1")
    settings = (f"weights={packaged.squeezenet1_1}", "dataset.train=true", "epochs=5")
    done = command("finetune", *model, *settings)
    assert done.returncode == 0, done.stderr
    uri = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    [made] = load_runs(tracking_uri=uri, kind="finetuning").to_dict("records")
    weights = f"runs:/{made['run_id']}/network.safetensors"
    assert weights in done.stdout
    judged = ("dataset=digits", "input_size=32", f"weights={weights}", "agreement=false")
    done = evaluate(*model, *judged)
    assert done.returncode == 0, done.stderr
    [run] = load_runs(tracking_uri=uri, kind="evaluation").to_dict("records")
    assert run["images"] == 450
    assert run["top1_low"] > 40  # chance is 10
    assert run["weights"] == weights


@pytest.mark.slow
def test_a_network_that_no_store_takes_is_kept(
    called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_arguments: object) -> None:
        raise TrackingError("It is lost.")

    monkeypatch.setattr(Tracker, "submit", refused)
    trained = ("model.classes=10", "workers=1", "weights=random", "dataset.train=true", "epochs=1")
    done = called("finetune", "model=squeezenet1_1", "dataset=digits", *trained)
    assert done.returncode == Exit.STORE
    [kept] = tmp_path.rglob("network.safetensors")
    assert f"It is lost. The trained network is kept in {kept.relative_to(tmp_path)}." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dataset=digits"], "has 10 classes, but model.classes is 1000; set model.classes=10"),
        (["epochs=0"], "epochs must be at least 1, but got 0"),
        (["validation=1"], "validation must lie between 0 and 1"),
        (["learning_rate=0"], "learning_rate must be positive"),
        (["dataset=imagefolder", "dataset.path=gone"], "dataset.path=gone is not a folder"),
    ],
)
def test_bad_input_is_one_sentence(called, arguments: list[str], words: str) -> None:
    done = called("finetune", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
