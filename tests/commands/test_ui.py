"""perfexp ui against real stores, a real server and a real browser."""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from tests.support.program import perfexp

BATCHES = (1, 4, 16)
CURVE_METRICS = ("latency_p50_ms", "latency_per_image_ms", "throughput_images_per_s")


def values(batch: int, speed: float) -> dict[str, float]:
    latency = speed * (4 + 7 * batch)
    return {
        "latency_p50_ms": latency,
        "latency_per_image_ms": latency / batch,
        "throughput_images_per_s": 1000 * batch / latency,
        "memory_peak_mb": 90.0 + 6 * batch,
        "published_top1": 69.8,
        "load_s": 0.4,
    }


def write_sweep(client, experiment, sweep_id, started_ms, model="resnet18", curves=True):
    tags = {"sweep": sweep_id.split("-")[0], "sweep_id": sweep_id}

    def run(kind, name, metrics, batch=None):
        made = client.create_run(experiment, started_ms, {**tags, "kind": kind}, name)
        params = {"model.name": model, "backend.name": name.split()[1]}
        params |= {"batch_size": str(batch)} if batch else {}
        client.log_batch(made.info.run_id, metrics, [Param(k, v) for k, v in params.items()])
        client.set_terminated(made.info.run_id)

    for backend, speed in (("torch", 1.0), ("openvino", 0.4)):
        points = {batch: values(batch, speed) for batch in BATCHES}
        for batch, point in points.items():
            metrics = [Metric(name, value, started_ms, 0) for name, value in point.items()]
            run("cell", f"{model} {backend} b{batch}", metrics, batch)
        steps = [Metric(n, p[n], started_ms, b) for b, p in points.items() for n in CURVE_METRICS]
        if curves:
            run("curve", f"{model} {backend} curve", steps)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store with two sweeps, the second one newer, made once."""
    folder = tmp_path_factory.mktemp("store") / "mlruns"
    folder.mkdir()
    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.create_experiment("perfexp", artifact_location=(folder / "artifacts").as_uri())
    write_sweep(client, experiment, "old-1", 1_000, model="alexnet", curves=False)
    write_sweep(client, experiment, "quick-2", 2_000)
    client.create_experiment("empty", artifact_location=(folder / "empty").as_uri())
    return folder


@pytest.fixture
def here(filled, tmp_path, monkeypatch):
    """A working directory whose mlruns/ holds a copy of the store."""
    shutil.copytree(filled, tmp_path / "mlruns")
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def client(here):
    return MlflowClient(tracking_uri=f"sqlite:///{here / 'mlruns/mlflow.db'}")


def addresses(output: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+) +(http\S+)$", output, re.MULTILINE))


def test_help_needs_no_heavy_import():
    heavy = "('mlflow', 'torch', 'pandas')"
    code = f"import sys, perfexp.commands.ui; sys.exit(sum(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_print_only_prepares_the_newest_sweep(client, capsys):
    assert perfexp("ui", "print_only=true") == 0
    output = capsys.readouterr().out
    tags = client.get_experiment_by_name("perfexp").tags
    assert "quick-2" in output
    assert list(addresses(output)) == ["Charts", "Table", "Curves"]
    for address in addresses(output).values():
        key = re.search(r"viewStateShareKey=([\w-]+)", address)[1]
        assert f"mlflow.sharedViewState.{key}" in tags


def test_again_adds_no_tag(client, capsys):
    perfexp("ui", "print_only=true")
    before = set(client.get_experiment_by_name("perfexp").tags)
    perfexp("ui", "print_only=true")
    assert set(client.get_experiment_by_name("perfexp").tags) == before
    first, second = capsys.readouterr().out.split("Sweep")[1:]
    assert first == second


@pytest.mark.parametrize("asked", ["old-1", "old"])
def test_a_sweep_by_id_or_name_and_no_curves_where_it_has_none(here, capsys, asked):
    assert perfexp("ui", "print_only=true", f"sweep={asked}", "port=5123") == 0
    output = capsys.readouterr().out
    assert "old-1" in output
    assert list(addresses(output)) == ["Charts", "Table"]
    assert "http://127.0.0.1:5123/" in output


def test_runs_without_a_sweep_are_shown_together(client, capsys):
    experiment = client.create_experiment("single")
    client.create_run(experiment, tags={"kind": "cell"})
    assert perfexp("ui", "print_only=true", "experiment=single") == 0
    assert "all runs of the experiment" in capsys.readouterr().out


def test_an_experiment_without_runs_opens_plainly(here, capsys):
    assert perfexp("ui", "print_only=true", "experiment=empty") == 0
    assert "viewStateShareKey" not in addresses(capsys.readouterr().out)["Runs"]


def test_a_store_that_refuses_the_view_opens_plainly_and_says_why(here, capsys, monkeypatch):
    def refuse(*_args):
        raise MlflowException("attempt to write a readonly database")

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", refuse)
    assert perfexp("ui", "print_only=true") == 0
    output, errors = capsys.readouterr()
    assert "viewStateShareKey" not in addresses(output)["Runs"]
    assert len(errors.splitlines()) == 1
    assert "readonly database" in errors


@pytest.mark.parametrize(
    ("arguments", "found", "code"),
    [
        (["experiment=perfex"], "perfexp", 3),
        (["sweep=quik"], "quick", 4),
        (["experiment=empty", "sweep=quick"], "no sweep yet", 4),
        (["tracking.uri=sqlite:///elsewhere/mlflow.db"], "elsewhere/mlflow.db", 3),
        (["tracking.uri=http://127.0.0.1:9"], "does not answer", 3),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(here, capsys, arguments, found, code):
    assert perfexp("ui", "print_only=true", *arguments) == code
    output, errors = capsys.readouterr()
    assert output == ""
    assert len(errors.splitlines()) == 1
    assert found in errors
    assert not (here / "elsewhere").exists()


def test_a_port_must_be_one(capsys):
    assert perfexp("ui", "port=65536") == 2
    assert "65536" in capsys.readouterr().err


@contextlib.contextmanager
def running(*arguments):
    """perfexp ui in a process of its own, once it has printed everything."""
    command = [Path(sys.executable).parent / "perfexp", "ui", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        yield process, "".join(lines)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()


@pytest.mark.server
def test_the_server_answers_on_a_free_port_and_ends_with_its_children(here, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(f"port={port}") as (process, output):
            assert f"Port {port} is taken" in output
            assert "every user of this machine can read, change and delete" in output
            base = addresses(output)["Charts"].split("/#")[0]
            assert urlopen(f"{base}/health", timeout=10).read() == b"OK"
            family = psutil.Process(process.pid).children(recursive=True)
            assert len(family) == 3  # the guard, MLflow and its server
            listening = [c.laddr.ip for p in family for c in p.net_connections() if c.status == "LISTEN"]
            assert set(listening) == {"127.0.0.1"}
            assert perfexp("ui", f"tracking.uri={base}") == 0
            assert addresses(capsys.readouterr().out) == addresses(output)
    assert process.returncode == 0
    assert not any(member.is_running() for member in family)
    assert {path.name for path in here.iterdir()} == {"mlruns"}


class Browser:
    """Headless Chromium, spoken to through a pair of pipes."""

    def __init__(self, profile: Path) -> None:
        program = shutil.which("chromium")
        assert program, "this test needs Chromium: apt-get install --no-install-recommends chromium"
        flags = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
        flags += " disable-component-update disable-sync remote-debugging-pipe window-size=2600,2400"
        command = [program, *(f"--{flag}" for flag in flags.split()), f"--user-data-dir={profile}"]
        theirs_in, self._out = os.pipe()
        ours_in, theirs_out = os.pipe()
        shell = ["bash", "-c", f'exec 3<&{theirs_in} 4>&{theirs_out}; exec "$@"', "bash", *command]
        self._process = subprocess.Popen(
            shell, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in = os.fdopen(ours_in, "rb")
        self._numbers = itertools.count(1)
        self._unread = b""

    def ask(self, method: str, session: str | None = None, **params):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._unread:
                chunk = self._in.read1(1 << 20)
                assert chunk, "Chromium ended"
                self._unread += chunk
            reply, self._unread = self._unread.split(b"\0", 1)
            answer = json.loads(reply)
            if answer.get("id") == number:
                return answer["result"]

    def page_when(self, address: str, is_ready, timeout_s: float = 90) -> str:
        """The page's HTML as soon as it is as wanted, or as it is when time is up."""
        target = self.ask("Target.createTarget", url=address)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        deadline = time.monotonic() + timeout_s
        while True:
            asked = {"expression": "document.documentElement.outerHTML"}
            html = self.ask("Runtime.evaluate", session, **asked)["result"].get("value", "")
            if is_ready(html) or time.monotonic() > deadline:
                return html
            time.sleep(0.5)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._out)
        self._in.close()


@pytest.fixture
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


@pytest.mark.server
@pytest.mark.slow
def test_the_views_render(here, browser):
    lines = len(CURVE_METRICS) * 2
    with running("port=5600") as (_, output):
        opened = addresses(output)
        table = browser.page_when(opened["Table"], lambda html: "resnet18 openvino b16" in html)
        charts = browser.page_when(opened["Charts"], lambda html: html.count("js-plotly-plot") >= 5)
        curves = browser.page_when(opened["Curves"], lambda html: html.count("js-line") >= lines)

    for column in ("model.name", "backend.name", "batch_size", "latency_p50_ms", "memory_peak_mb"):
        assert f">{column}<" in table
    assert ">load_s<" not in table
    assert "alexnet" not in table
    assert "resnet18 torch curve" not in table
    for title in ("latency_per_image_ms vs. published_top1", "Parallel Coordinates", "memory_peak_mb"):
        assert f">{title}<" in charts
    assert charts.count("js-plotly-plot") == 5
    assert "resnet18 torch curve" not in charts
    for title in CURVE_METRICS:
        assert f">{title}<" in curves
    assert curves.count("js-line") >= lines
