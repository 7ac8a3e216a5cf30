import multiprocessing
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from perfexp.config.schema import Cell, MeasureConfig, Protocol, Start, as_protocol
from perfexp.environment import usable_cpus
from perfexp.metrics import METRICS
from perfexp.records import Failure, FailureKind, Measurement
from perfexp.worker import device_lock
from perfexp.worker.run import run_cell

MakeCell = Callable[..., Cell]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("raise", FailureKind.RAISED, "RuntimeError: fault=raise was asked for"),
        ("exit", FailureKind.EXITED, "exited with code 3"),
        ("kill", FailureKind.KILLED, "killed by SIGKILL, as the kernel does when memory runs out"),
        ("segfault", FailureKind.KILLED, "killed by SIGSEGV"),
        ("out_of_memory", FailureKind.OUT_OF_MEMORY, "take a smaller batch_size"),
    ],
)
def test_a_worker_that_breaks_is_a_failure(
    make_cell: MakeCell, fault: str, kind: FailureKind, words: str
) -> None:
    outcome = run_cell(make_cell("fake", fault=fault))
    assert isinstance(outcome, Failure)
    assert outcome.kind == kind
    assert words in outcome.message
    assert outcome.phases_s["until failure"] > 0


def test_a_worker_that_hangs_is_stopped(make_cell: MakeCell) -> None:
    assert isinstance(run_cell(make_cell("fake")), Measurement)
    cell = make_cell("fake", fault="hang")
    outcome = run_cell(replace(cell, measure=replace(cell.measure, time_limit_s=2.0)))
    assert isinstance(outcome, Failure)
    assert outcome.kind == FailureKind.TIMEOUT
    assert "time limit of 2 s" in outcome.message


def test_a_batch_too_large_for_memory_is_out_of_memory(make_cell: MakeCell) -> None:
    outcome = run_cell(make_cell("fake", batch_size=10**9))
    assert isinstance(outcome, Failure)
    assert outcome.kind == FailureKind.OUT_OF_MEMORY


def test_traceback_is_kept(make_cell: MakeCell) -> None:
    outcome = run_cell(make_cell("fake", fault="raise"))
    assert isinstance(outcome, Failure)
    assert "in _raise" in outcome.traceback


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_measurement_is_complete(make_cell: MakeCell, backend: str) -> None:
    outcome = run_cell(make_cell(backend, batch_size=2))
    assert isinstance(outcome, Measurement), outcome
    assert {*outcome.metrics, *outcome.absent} >= {
        "latency_p50_ms", "latency_mean_ms", "latency_std_ms", "latency_min_ms", "latency_per_image_ms",
        "throughput_images_per_s", "params", "macs", "model_size_mb", "memory_baseline_mb",
        "memory_model_mb", "memory_peak_mb", "load_s", "build_s", "first_inference_ms",
        "published_top1", "published_top5", "top1_density", "memory_loaded_mb", "memory_peak_resident_mb",
        "parity_max_error", "parity_cosine", "parity_top1_agreement", "cpu_own", "cpu_others", "drift",
        "involuntary_switches_per_s", "rounds", "rounds_counted", "host_pace_ms", "host_slowdown",
    }  # fmt: skip
    assert set(outcome.metrics) <= set(METRICS)
    assert outcome.labels["parity"] == "ok"
    assert outcome.labels["stop_reason"] in ("precision", "budget")
    [of_round] = outcome.certificate["rounds"]
    assert (outcome.labels["verdict"] == "clean") == (not of_round["reasons"])
    assert set(outcome.absent) & set(outcome.metrics) == set()
    assert len(outcome.samples_ms) == outcome.metrics["iterations"] >= 1
    assert outcome.metrics["memory_peak_mb"] >= outcome.metrics["memory_model_mb"] > 0
    assert outcome.labels["published_weights"] == "SqueezeNet1_1_Weights.IMAGENET1K_V1"


def test_second_cell_does_not_convert_again(make_cell: MakeCell) -> None:
    first, second = run_cell(make_cell("openvino")), run_cell(make_cell("openvino", batch_size=2))
    assert isinstance(first, Measurement)
    assert isinstance(second, Measurement)
    assert first.metrics["convert_s"] > 0
    assert "convert_s" not in second.metrics


def test_unwritable_cache_is_a_sentence(make_cell: MakeCell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    outcome = run_cell(make_cell("fake", cache_dir=str(tmp_path / "file" / "cache")))
    assert isinstance(outcome, Failure)
    assert outcome.kind == FailureKind.REFUSED
    assert "cannot be written" in outcome.message


def test_a_broken_model_is_beyond_tolerance(make_cell: MakeCell) -> None:
    """The reference of other weights stands for a backend that computes something else."""
    cell = make_cell("torch")
    assert isinstance(run_cell(cell), Measurement)
    [stored] = Path(cell.cache_dir, "reference").glob("*/logits.npy")
    np.save(stored, np.load(stored)[:, ::-1])
    (stored.parent / ".manifest.json").unlink()  # else the change would be noticed, and made good
    outcome = run_cell(cell)
    assert isinstance(outcome, Measurement)
    assert outcome.labels["parity"] == "beyond tolerance"
    assert outcome.metrics["parity_max_error"] > 0.1


def test_the_studys_protocol_times_ten_batches(make_cell: MakeCell) -> None:
    plan = as_protocol(MeasureConfig(protocol=Protocol.study))
    outcome = run_cell(make_cell("fake", measure=plan))
    assert isinstance(outcome, Measurement)
    assert (len(outcome.samples_ms), len(outcome.warmup_ms)) == (10, 1)
    assert outcome.labels["stop_reason"] == "iterations"
    assert outcome.labels["warmup_stable"] == "not asked"


def test_a_second_measurement_on_the_device_is_refused_after_its_wait(make_cell: MakeCell) -> None:
    cell = make_cell("fake")
    waiting = replace(cell, measure=replace(cell.measure, lock_wait_s=0.2))
    with device_lock.held("cpu", 60.0, print):
        outcome = run_cell(waiting)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, "held cpu for 0.2 s" in outcome.message) == (FailureKind.REFUSED, True)
    assert isinstance(run_cell(waiting), Measurement)


def test_the_certificate_tells_whom_the_lock_keeps_out(
    make_cell: MakeCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PERFEXP_LOCKS", str(tmp_path))
    assert run_cell(make_cell("fake")).certificate["device_lock"] == "all users' processes"
    (tmp_path / "perfexp-cpu.lock").unlink()
    (tmp_path / "perfexp-cpu.lock").mkdir()
    outcome = run_cell(make_cell("fake"))
    assert outcome.certificate["device_lock"] == outcome.labels["device_lock"]
    assert outcome.labels["device_lock"].startswith("this user's processes alone: ")


def test_a_budget_below_one_batch_is_refused(make_cell: MakeCell) -> None:
    cell = make_cell("fake", latency_ms=50.0)
    outcome = run_cell(replace(cell, measure=replace(cell.measure, budget_s=0.01)))
    assert isinstance(outcome, Failure)
    assert outcome.kind == FailureKind.REFUSED
    found = re.search(r"the first batch took ([\d.]+) s", outcome.message)
    assert found and 0.05 <= float(found[1]) < 0.5


@pytest.mark.skipif(sys.platform != "linux", reason="the evidence is Linux's")
def test_a_busy_process_on_each_cpu_taints_the_run(make_cell: MakeCell) -> None:
    context = multiprocessing.get_context("spawn")
    neighbours = [context.Process(target=_burn, daemon=True) for _ in range(len(usable_cpus()))]
    for neighbour in neighbours:
        neighbour.start()
    time.sleep(1.0)
    try:
        cell = make_cell("fake")
        outcome = run_cell(replace(cell, measure=replace(cell.measure, min_s=0.3)))
    finally:
        for neighbour in neighbours:
            neighbour.kill()
    assert isinstance(outcome, Measurement)
    assert outcome.labels["verdict"] == "tainted"
    assert "went to other processes" in outcome.labels["taint"]
    assert "waiting for a CPU" in outcome.labels["taint"]


def _burn() -> None:
    while True:
        pass


def test_a_spawned_worker_measures_as_a_forked_one(make_cell: Callable[..., Cell]) -> None:
    cell = make_cell(latency_ms=1.0)
    outcome = run_cell(replace(cell, measure=replace(cell.measure, start=Start.spawned)))
    assert isinstance(outcome, Measurement)
    assert outcome.metrics["latency_p50_ms"] == pytest.approx(1.0, rel=0.2)
    assert outcome.phases_s["worker start"] > 0


def test_no_worker_outlives_a_killed_perfexp(tmp_path: Path) -> None:
    arguments = ("backend=fake", "backend.latency_ms=100", "measure.min_s=300", "measure.budget_s=300")
    program = [Path(sys.executable).parent / "perfexp", *arguments, "model=squeezenet1_1", "input_size=64"]
    workers: list[psutil.Process] = []
    with subprocess.Popen(program, cwd=tmp_path, stdout=subprocess.DEVNULL) as parent:
        while not any(worker.cpu_times().user > 3 for worker in workers):  # the backend waits busily
            assert parent.poll() is None
            time.sleep(0.5)
            family = psutil.Process(parent.pid).children(recursive=True)
            workers = [one for one in family if one.ppid() != parent.pid and one.is_running()]
        parent.kill()
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
