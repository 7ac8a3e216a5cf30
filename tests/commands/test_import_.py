"""The real command, in folders of its own."""

from pathlib import Path

import pytest

from perfexp import load_runs

TABLE = "model,bs1,bs8\nnet,1,2\nresnet18,3,4\nnet,1,2\nbad,x,-1\n"


def published(folder: Path, experiment: str):
    return load_runs(experiment, kind="published", tracking_uri=f"sqlite:///{folder}/mlruns/mlflow.db")


@pytest.mark.slow
def test_the_study_is_imported_once(command, tmp_path: Path) -> None:
    done = command("import", "source=study", "experiment=study")
    assert done.returncode == 0, done.stderr
    assert (
        "231 runs added to experiment 'study' (models: 33, backends: 1), 0 were there already" in done.stdout
    )
    assert done.stdout.rstrip().endswith("perfexp analyze experiment=study")
    runs = published(tmp_path, "study")
    assert len(runs) == 231
    [one] = runs[(runs["model"] == "vgg19") & (runs["batch_size"] == 4)].to_dict("records")
    assert one["latency_mean_ms"] == 1.75 * 4
    assert one["latency_per_image_ms"] == 1.75
    assert one["throughput_images_per_s"] == pytest.approx(1e3 / 1.75)
    assert (one["family"], one["display_name"], one["source"]) == ("VGG", "VGG-19", "torchvision")
    assert one["params"] == 143_667_240
    assert one["published_weights"] == "VGG19_Weights.IMAGENET1K_V1"
    assert one["published_in"] == "study"
    assert "latency_p50_ms" not in runs
    again = command("import", "source=study", "experiment=study")
    assert "0 runs added" in again.stdout and "231 were there already" in again.stdout
    assert len(published(tmp_path, "study")) == 231


@pytest.mark.usefixtures("ready")
def test_broken_lines_are_told_and_the_rest_go_in(called, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(TABLE.replace("resnet18", "other"))
    done = called("import", "source=csv", "path=mine.csv", "source.unit=s")
    assert done.returncode == 0, done.stderr
    assert "skipped mine.csv line 5: bs1 is 'x' where a positive number belongs" in done.stdout
    assert "skipped mine.csv line 5: bs8 is '-1' where a positive number belongs" in done.stdout
    runs = published(tmp_path, "published-mine")
    assert sorted(runs["latency_mean_ms"]) == [1000.0, 2000.0, 3000.0, 4000.0]
    assert load_runs("published-mine", tracking_uri=f"sqlite:///{tmp_path}/mlruns/mlflow.db").empty


@pytest.mark.usefixtures("ready")
def test_a_corrected_line_is_a_new_run(called, tmp_path: Path) -> None:
    for value in ("1", "1.5"):
        (tmp_path / "mine.csv").write_text(f"model,bs1,bs8\nnet,{value},2\n")
        done = called("import", "source=csv", "path=mine.csv", "experiment=x")
    assert "1 runs added" in done.stdout and "1 were there already" in done.stdout


@pytest.mark.usefixtures("ready")
def test_a_mapping_of_the_users_own(called, tmp_path: Path) -> None:
    (tmp_path / "conf" / "source").mkdir(parents=True)
    (tmp_path / "conf" / "source" / "mine.yaml").write_text(
        "defaults: [/schema/source/csv@_here_, _self_]\nmodel_column: net\nbatch_columns: {eight: 8}\n"
    )
    (tmp_path / "t.csv").write_text("net,eight,acc\na,5,70\n")
    extra = ("source.metric_columns={published_top1: acc}", "experiment=x")
    done = called("import", "source=mine", "path=t.csv", *extra)
    assert done.returncode == 0, done.stderr
    [run] = published(tmp_path, "x").to_dict("records")
    assert (run["batch_size"], run["latency_mean_ms"], run["published_top1"]) == (8, 5.0, 70)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["source=stud"], "There is no source named 'stud': the nearest are study"),
        (["source=csv"], "source=csv reads your own file; give it as path=FILE.csv."),
        (["source=csv", "path=no.csv"], "no.csv cannot be read (No such file or directory)"),
        (["source=csv", "path=bad.csv"], "The table holds no measurement (first: bad.csv line 2: bs1 is 'x'"),
        (["source=csv", "path=bad.csv", "source.unit=minutes"], "expected one of [s, ms, us]"),
        (["source=timm", "path=bad.csv"], "holds no benchmark table of timm"),
    ],
)
def test_bad_input_is_one_sentence(called, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "bad.csv").write_text("model,bs1\na,x\n")
    done = called("import", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.startswith("perfexp import: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()
