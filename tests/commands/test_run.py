"""The real command, on the fake backend and in folders of its own."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from time import process_time

import pytest
from mlflow import MlflowClient

from perfexp import load_runs
from perfexp.config.schema import member_tag
from perfexp.errors import Exit, TrackingError
from perfexp.store.tracker import Tracker

QUICK = ("backend=fake", "measure=quick", "measure.rounds=1", "measure.budget_s=0.05", "measure.warmup_s=0")
SWEEP = ("--multirun", *QUICK, "model=squeezenet1_1", "batch_size=1,2,4")


def runs_below(folder: Path, **options: object):
    return load_runs(tracking_uri=f"sqlite:///{folder}/mlruns/mlflow.db", **options)


def test_one_cell(perfexp, tmp_path: Path) -> None:
    done = perfexp("model=mobilenet_v2", *QUICK, "batch_size=4")
    assert done.returncode == 0, done.stderr
    assert "mobilenet_v2" in done.stdout and "FINISHED" in done.stdout
    assert "Look at these runs:  perfexp ui" in done.stdout
    [run] = runs_below(tmp_path).to_dict("records")
    assert (run["model"], run["batch_size"], run["backend"]) == ("mobilenet_v2", 4, "fake")
    assert os.listdir(tmp_path) == ["mlruns"]
    assert len(list((tmp_path / "mlruns" / "artifacts").rglob("samples.png"))) == 1


@pytest.mark.usefixtures("ready")
def test_a_sweep_with_a_cell_that_crashes_goes_on(called, tmp_path: Path) -> None:
    done = called(*SWEEP, "backend.fault=none,segfault", "batch_size=1,2")
    assert done.returncode == 1
    assert "FAILED squeezenet1_1 fake b1 fault=segfault: The worker was killed by SIGSEGV." in done.stdout
    assert len(runs_below(tmp_path)) == 2
    assert set(runs_below(tmp_path, status="FAILED")["reason"]) == {"The worker was killed by SIGSEGV."}
    assert len(runs_below(tmp_path, kind="curve")) == 1
    assert runs_below(tmp_path)["sweep_id"].nunique() == 1


@pytest.mark.usefixtures("ready")
def test_any_swept_key_tells_cells_apart_everywhere(called, tmp_path: Path) -> None:
    done = called(*SWEEP, "batch_size=1,8", "input_size=null,64", "backend.latency_ms=1,2")
    assert done.returncode == 0, done.stderr
    title, _, heading = done.stdout[done.stdout.index("perfexp, squeezenet1_1, fake") :].splitlines()[:3]
    assert "batch" in heading and "input_size" in heading and "latency_ms" in heading
    assert "model" not in heading and "backend" not in heading, title
    cells = runs_below(tmp_path)
    assert len(cells) == 8 and cells["axes"].nunique() == 4
    assert len(runs_below(tmp_path, kind="curve")) == 4
    command = cells.loc[cells["axes"] == "input_size=64&backend.latency_ms=2", "command"].iloc[0]
    assert "input_size=64" in command and "sweep." not in command
    again = called(*SWEEP, "batch_size=1,8", "input_size=null,64", "backend.latency_ms=1,2")
    assert "8/8" in again.stdout and again.stdout.count("measured before") == 8
    assert "b8 input_size=64 latency_ms=2" in again.stdout
    said = called("analyze").stdout  # a busy machine lengthens the shorter wait by more
    assert re.search(r"With latency_ms 2 instead of 1 a batch takes (1\.[5-9]|2\.[0-4])", said), said


@pytest.mark.usefixtures("ready")
def test_a_sweep_has_the_cells_that_another_one_had_measured(called, tmp_path: Path) -> None:
    called(*SWEEP, "batch_size=1")
    said = called(*SWEEP, "batch_size=1,2").stdout
    sweep = said.split("perfexp ui sweep=")[1].strip()
    assert sorted(runs_below(tmp_path, sweep=sweep)["batch_size"]) == [1, 2]
    assert "1 model, 1 backend, 2 batch sizes" in called("analyze", f"sweep={sweep}").stdout
    [experiment] = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db").search_experiments(
        filter_string="name = 'perfexp'"
    )
    views = [json.loads(v) for k, v in experiment.tags.items() if "perfexp-cell" in k]
    [view] = [view for view in views if sweep in view["name"]]
    state = zlib.decompress(base64.b64decode(view["state"].removeprefix("deflate;"))).decode()
    assert member_tag(sweep) in json.loads(state)["searchFilter"]


@pytest.mark.usefixtures("ready")
def test_a_sweep_dropped_in_as_a_file_is_found(called, tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "mine.yaml").write_text(
        "hydra: {mode: MULTIRUN, sweeper: {params: {backend: 'fake', batch_size: '1,3'}}}\n"
        "measure: {budget_s: 0.05, warmup_s: 0, warmup_max_s: 0.05, min_iterations: 3}\n"
    )
    done = called("--multirun", "sweep=mine", "model=squeezenet1_1")
    assert done.returncode == 0, done.stderr
    assert sorted(runs_below(tmp_path, sweep="mine")["batch_size"]) == [1, 3]


def test_a_users_sweep_replaces_a_packaged_one_of_its_name(called, tmp_path: Path) -> None:
    assert "input_size: 32" in called("sweep=active", "--cfg", "job").stdout  # it is based on sweep=study
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "study.yaml").write_text("input_size: 48\n")
    done = called("sweep=active", "--cfg", "job")
    assert "input_size: 48" in done.stdout
    assert done.stderr == "sweeps/study.yaml replaces perfexp's own sweep study.\n"


SWEPT = "measure: {rounds: 1}\nhydra: {mode: MULTIRUN, sweeper: {params: {model: squeezenet1_1, %s}}}\n"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("backend: [fake], batch_size: [0, -1]", "2 of the sweep's 2 jobs cannot be measured"),
        ("backend: 'fake, torch', weights: ['/a, b/epoch=3.pt']", "weights=/a, b/epoch=3.pt is neither"),
        ("model.display_name: 2026_01_15, batch_size: 0", 'model.display_name="2026_01_15"'),
        ("backend: null", "In hydra.sweeper.params or grids of the sweep: There is no backend named 'null'"),
        ("backend: [fake, fakd]", "There is no backend named 'fakd': the nearest are fake"),
        ("batch_szie: 1", "There is no option 'batch_szie': the nearest are batch_size"),
        ("experiment: one", "experiment is one for the whole sweep"),
        ("tracking.root: 'a,b'", "tracking.root is one for the whole sweep"),
    ],
)
def test_a_sweeps_file_is_read_as_if_it_were_typed(called, tmp_path: Path, params: str, words: str) -> None:
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "mine.yaml").write_text(SWEPT % params)
    done = called("--multirun", "sweep=mine")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
    assert words in done.stderr


def test_presets_are_found_in_a_folder_of_any_name(
    called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / 'John\'s, (1) 50% "Project"'
    (here / "conf" / "model").mkdir(parents=True)
    (here / "conf" / "model" / "mine.yaml").write_text("source: torchvision\nname: resnet9\n")
    monkeypatch.chdir(here)
    done = called("model=mine", "--cfg", "job")
    assert "name: resnet9" in done.stdout, done.stderr


def test_flags_may_stand_between_options(called) -> None:
    done = called("model=resnet18", "--cfg", "job", "batch_size=3")
    assert "batch_size: 3" in done.stdout, done.stderr


def test_options_of_a_whole_sweep_have_one_value(called) -> None:
    done = called(*SWEEP, "experiment=one,two")
    assert done.returncode == 2
    assert "experiment is one for the whole sweep, but it is swept" in done.stderr


def test_names_in_a_sweeps_file_stay_as_they_are_written(called, tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    for number, name in enumerate(("2026_01_15", "2026-01-15", "no")):
        (tmp_path / "sweeps" / f"s{number}.yaml").write_text(f"experiment: {name}\n")
        composed = called(f"sweep=s{number}", "--cfg", "job").stdout.replace("'", "")
        assert f"experiment: {name}\n" in composed


@pytest.mark.usefixtures("ready")
def test_command_line_replaces_a_sweeps_own_key(called, tmp_path: Path) -> None:
    done = called("--multirun", "sweep=quick", "backend=fake", "model=resnet18", "batch_size=2")
    assert done.returncode == 0, done.stderr
    assert len(runs_below(tmp_path, sweep="quick")) == 1


def test_a_sweep_with_impossible_cells_lists_them_all_and_measures_nothing(called, tmp_path: Path) -> None:
    done = called(*SWEEP, "batch_size=0,1", "weights=random,no.pt", "backend.threads=1,-1")
    assert done.returncode == 2
    assert "7 of the sweep's 8 jobs cannot be measured, so nothing was" in done.stderr
    for words in ("batch_size must be at least 1", "weights=no.pt is neither", "threads must be at least 1"):
        assert words in done.stderr
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()


@pytest.mark.parametrize(
    "verb", [("analyze",), ("plan", "max_latency_ms=9"), ("ui",), ("predict", "model=resnet18")]
)
@pytest.mark.parametrize("several", ["a,b", "[a,b]"])
def test_a_verb_that_reads_one_sweep_refuses_several(called, verb: tuple[str, ...], several: str) -> None:
    done = called(*verb, f"sweep={several}")
    assert done.returncode == 2
    assert f"sweep={several} names several sweeps, but it takes one" in done.stderr


@pytest.mark.usefixtures("ready")
def test_impossible_cell_of_a_sweep_is_refused_and_the_rest_run(called, tmp_path: Path) -> None:
    done = called(*SWEEP, "batch_size=0,1", "sweep.on_invalid=skip")
    assert done.returncode == 1
    assert "REFUSED squeezenet1_1 fake b0: batch_size must be at least 1, but got 0" in done.stdout
    assert len(runs_below(tmp_path)) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model=resnet5"], "There is no model named 'resnet5': the nearest are resnet50"),
        (["backend=openvin"], "There is no backend named 'openvin': the nearest are openvino"),
        (["--multirun", "sweep=quik"], "There is no sweep named 'quik': the nearest are quick"),
        (["batch_size=0"], "batch_size must be at least 1, but got 0"),
        (["batch_size=1.5"], "Value '1.5' of type 'float' could not be converted to Integer"),
        (["backend.precision=f8"], "expected one of [f32, bf16, f16, int8]"),
        (["model=timm"], "model.name has no value"),
        (["batchsize=3"], "There is no option 'batchsize': the nearest are batch_size"),
        (["measure.precision=0.1"], "There is no option 'measure.precision'"),
        (["measure.rel_half_width=0"], "measure.rel_half_width must lie between 0.0001 and 1"),
        (["measure.percentiles=[90,101]"], "both excluded, but got 101;"),
        (["measure.protocol=fast"], "expected one of [adaptive, study]"),
        (["model.source=keras"], "There is no model source named 'keras'"),
    ],
)
def test_bad_input_is_one_sentence(called, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = called(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()


@pytest.mark.usefixtures("ready")
def test_numbers_that_nothing_takes_are_told(called, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object) -> None:
        raise TrackingError("It is lost.")

    monkeypatch.setattr(Tracker, "submit", refused)
    done = called("model=squeezenet1_1", *QUICK)
    assert done.returncode == Exit.STORE
    assert "It is lost. It had come to this: 1.0" in done.stderr


def test_a_store_that_does_not_answer_has_an_exit_code_of_its_own(called) -> None:
    done = called("tracking.uri=http://127.0.0.1:9", *QUICK)
    assert done.returncode == 3
    assert "does not answer (Connection refused)" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model=torchvision", "model.name=resnet19"], "the nearest are resnet18"),
        (["model=alexnet", "input_size=32"], "the smallest it takes is 63"),
        (["backend=openvino", "backend.device=NPU"], "its runtime lists CPU"),
        (["weights=/no/such/file.pt"], "neither random, pretrained nor a file that exists"),
    ],
)
@pytest.mark.usefixtures("ready")
def test_what_only_the_worker_can_tell_is_a_failed_run(
    called, tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = called("measure=quick", "measure.rounds=1", *arguments)
    assert done.returncode == 1
    assert words in done.stdout
    [reason] = runs_below(tmp_path, status="FAILED")["reason"]
    assert words in reason
    assert len(runs_below(tmp_path, status=None)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("ready")
def test_a_stop_ends_the_current_run_as_killed(perfexp, tmp_path: Path, number: int) -> None:
    command = Path(sys.executable).parent / "perfexp"
    arguments = [
        *SWEEP,
        "backend.latency_ms=100",
        "measure.min_s=0.1,60",
        "measure.rounds=1",
        "measure.max_rounds=1",
        "measure.budget_s=60",
        "batch_size=1",
        "seed=1",  # with which the random order puts the short cell first
    ]
    process = subprocess.Popen(
        [command, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("2 cells: ")
    assert process.stdout.readline().startswith("[1/2]")
    time.sleep(2.0)
    asked = time.monotonic()
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    process.communicate(timeout=30)
    assert time.monotonic() - asked < 15
    assert process.returncode == 128 + number
    statuses = sorted(runs_below(tmp_path, status=None)["status"])
    assert statuses == ["FINISHED", "KILLED"]


def test_cfg_job_prints_the_composed_config(called) -> None:
    done = called("--cfg", "job", "model=inception_v3", "backend=openvino")
    assert done.returncode == 0
    assert "display_name: Inception-v3" in done.stdout
    assert "device: CPU" in done.stdout


def test_credentials_are_refused_before_hydra_keeps_them(called, tmp_path: Path) -> None:
    typed = called("tracking.uri=http://me:secret@127.0.0.1:9")
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "mine.yaml").write_text("tracking: {uri: 'postgresql://me:secret@db/x'}\n")
    written = called("--multirun", "sweep=mine")
    (tmp_path / "sweeps" / "mine.yaml").unlink()
    (tmp_path / "conf" / "tracking").mkdir(parents=True)
    (tmp_path / "conf" / "tracking" / "lab.yaml").write_text("uri: postgresql://db/x?password=secret\n")
    preset = called("tracking=lab")
    shown = called("ui", "tracking.uri=postgresql://db/x?user=me&password=secret")
    places = ("tracking.uri", "sweeps/mine.yaml", "conf/tracking/lab.yaml", "tracking.uri")
    for done, place in zip((typed, written, preset, shown), places, strict=True):
        assert done.returncode == 2
        assert re.match(rf"perfexp( ui)?: {place} holds an address with credentials", done.stderr)
        assert "secret" not in done.stderr + done.stdout
        assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "mlruns").exists()


GRID = "sweeper: {params: {model: squeezenet1_1, backend: fake, batch_size: 1}}"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        (f"hydra: {{callbacks: {{x: {{_target_: perfexp.ran}}}}, {GRID}}}", "hydra.callbacks"),
        (f"hydra: {{job_logging: {{handlers: {{x: {{(): perfexp.ran}}}}}}, {GRID}}}", "hydra.job_logging"),
        (f"defaults: [override /hydra/callbacks: x]\nhydra: {{{GRID}}}", "hydra/callbacks"),
        ("hydra: {sweeper: {_target_: perfexp.ran}}", "_target_"),
    ],
)
def test_a_sweep_that_runs_code_is_refused(called, tmp_path: Path, written: str, key: str) -> None:
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "mine.yaml").write_text(written)
    done = called("--multirun", "sweep=mine")
    assert done.returncode == 2
    assert done.stderr.startswith(f"perfexp: sweeps/mine.yaml sets {key}, by which a file could run")


def test_a_sweep_that_cannot_be_used_stops_nothing_else(called, tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "broken.yaml").write_text("a: [")
    assert called("--cfg", "job").returncode == 0
    done = called("--multirun", "sweep=broken")
    assert done.returncode == 2
    assert done.stderr.startswith("perfexp: sweeps/broken.yaml cannot be read as YAML (while")
    assert len(done.stderr.strip().splitlines()) == 1


BOMB = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))])


@pytest.mark.parametrize("place", ["sweeps/mine.yaml", "conf/model/mine.yaml"])
def test_a_file_whose_aliases_explode_is_refused_at_once(called, tmp_path: Path, place: str) -> None:
    called("--cfg", "job")  # what is imported then counts for neither
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(BOMB)
    began = process_time()
    done = called("--multirun", "sweep=mine") if "sweeps" in place else called("model=mine", "--cfg", "job")
    assert process_time() - began < 1
    assert done.returncode == 2 and "cannot be read as YAML (more than 10,000 values" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("spelled", ["${oc.env:AWS_SECRET_ACCESS_KEY}", "\\x24{oc.env:PGPASSWORD}"])
def test_a_secret_of_the_environment_is_kept_nowhere(
    called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "PGPASSWORD"):
        monkeypatch.setenv(name, "correct-horse")
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "mine.yaml").write_text(f'experiment: "{spelled}"\nhydra: {{{GRID}}}\n')
    done = called("--multirun", "sweep=mine")
    assert done.returncode == 2 and "looks like a secret" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    kept = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert not any("correct-horse" in text for text in [done.stdout, done.stderr, *kept])
