"""The command perfexp-ui: MLflow's page, opened on a sweep's prepared views.

A store behind http is a running server, so only addresses are printed; for a database a server
is started on the loopback interface, without authentication, and ended with the command.
"""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psutil

from perfexp import store
from perfexp.errors import PerfexpError, TrackingError, nearest
from perfexp.views import Kind, SavedView, runs_filter, shared_view, view_url

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_HOST = "127.0.0.1"
_PORTS_TRIED = 50
_START_TIMEOUT_S = 120.0
_END_TIMEOUT_S = 10.0
_SQLITE = "sqlite:///"
_LEAN = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class Target:
    """What to open: a store, one of its experiments, and a sweep of it (None: all its runs)."""

    client: "MlflowClient"
    uri: str
    experiment_id: str
    sweep_id: str | None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code, 2 for what the user has to solve."""
    options = _parse(argv)
    try:
        _run(options)
    except PerfexpError as error:
        print(f"perfexp-ui: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print()
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("perfexp-ui", description="Open MLflow's page on a sweep's charts.")
    add = parser.add_argument
    add("--tracking-uri", help="the store (default: MLFLOW_TRACKING_URI, else mlruns/mlflow.db here)")
    add("--experiment", help="its experiment (default: MLFLOW_EXPERIMENT_NAME, else perfexp)")
    add("--sweep", help="id or name of a sweep (default: the newest)")
    add("--port", type=_port, default=5000, help="port on 127.0.0.1, or the next free one (default: 5000)")
    add("--print-only", action="store_true", help="prepare the views and print addresses, start no server")
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535 but got {text!r}")
    return int(text)


def _run(options: argparse.Namespace) -> None:
    target = _find(options.tracking_uri, options.experiment, options.sweep)
    views = _save_views(target)
    if target.uri.startswith(("http://", "https://")):
        _print_addresses(re.sub(r"//[^/@]*@", "//", target.uri), target, views)
    elif options.print_only:
        _print_addresses(f"http://{_HOST}:{options.port}", target, views)
    else:
        port = _free_port(options.port)
        with _ended_by_signal(), _server(target.uri, port) as process:
            _print_addresses(f"http://{_HOST}:{port}", target, views)
            print("Ctrl-C ends the server.", flush=True)
            raise TrackingError(f"MLflow's server ended by itself with exit code {process.wait()}.")


def _find(uri: str | None, experiment: str | None, sweep: str | None) -> Target:
    root = Path("mlruns").absolute()
    address = store.resolve(uri, root)
    name = store.experiment_name(experiment)
    if address.startswith(_SQLITE) and not Path(address.removeprefix(_SQLITE)).is_file():
        raise TrackingError(
            f"There is no MLflow store at {address.removeprefix(_SQLITE)}; run perfexp first, "
            "or name another store with --tracking-uri."
        )
    client = store.connect(address, root, create=False)
    with store.explained(address):
        found = client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage == "deleted":
            names = [each.name for each in client.search_experiments() if each.name != "Default"]
            raise TrackingError(
                f"There is no experiment {name!r} in {store.redacted(address)}; "
                + (f"{nearest(name, names)}: choose with --experiment." if names else "run perfexp first.")
            )
        experiment_id = str(found.experiment_id)
        return Target(client, address, experiment_id, _sweep_id(client, experiment_id, sweep))


def _sweep_id(client: "MlflowClient", experiment_id: str, asked: str | None) -> str | None:
    if asked is None:
        newest = _newest(client, experiment_id, "tags.sweep_id LIKE '%'")
        return newest[0].data.tags["sweep_id"] if newest else None
    for tags in ({"sweep_id": asked}, {"sweep": asked}):
        newest = _newest(client, experiment_id, runs_filter(**tags))
        if newest and "sweep_id" in newest[0].data.tags:
            return newest[0].data.tags["sweep_id"]
    recent = [run.data.tags for run in _newest(client, experiment_id, "tags.sweep_id LIKE '%'", 1000)]
    known = {tags[name] for tags in recent for name in ("sweep", "sweep_id") if name in tags}
    raise TrackingError(
        f"There is no sweep {asked!r} in the experiment; "
        + (f"{nearest(asked, known)}: choose with --sweep." if known else "it holds no sweep yet.")
    )


def _newest(client: "MlflowClient", experiment_id: str, wanted: str, count: int = 1) -> list["Run"]:
    return list(client.search_runs([experiment_id], wanted, max_results=count, order_by=["start_time DESC"]))


def _save_views(target: Target) -> dict[Kind, SavedView]:
    """Write the views that have runs; none, with a word why, if the store refuses."""
    now_ms = int(time.time() * 1000)
    saved: dict[Kind, SavedView] = {}
    kinds: tuple[Kind, ...] = ("cell", "curve")
    try:
        with store.explained(target.uri):
            for kind in kinds:
                wanted = runs_filter(kind=kind, sweep_id=target.sweep_id)
                if _newest(target.client, target.experiment_id, wanted):
                    view = shared_view(target.sweep_id, now_ms, kind)
                    target.client.set_experiment_tag(target.experiment_id, view.tag_name, view.tag_value)
                    saved[kind] = view
    except TrackingError as error:
        print(f"perfexp-ui: no prepared view, only the plain page: {error}", file=sys.stderr)
        return {}
    return saved


def _print_addresses(base_url: str, target: Target, views: dict[Kind, SavedView]) -> None:
    if not views:
        print(f"Runs    {view_url(base_url, target.experiment_id, None)}", flush=True)
        return
    print(f"Sweep   {target.sweep_id or 'all runs of the experiment'}")
    if cells := views.get("cell"):
        print(f"Charts  {view_url(base_url, target.experiment_id, cells)}")
        print(f"Table   {view_url(base_url, target.experiment_id, cells, 'TABLE')}")
    if curves := views.get("curve"):
        print(f"Curves  {view_url(base_url, target.experiment_id, curves)}")
    sys.stdout.flush()


def _free_port(asked: int) -> int:
    for port in range(asked, min(asked + _PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
        if port != asked:
            print(f"Port {asked} is taken, so the server listens on {port}.", flush=True)
        return port
    raise TrackingError(f"No port from {asked} to {port} is free on {_HOST}; choose another with --port.")


@contextmanager
def _server(uri: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server, ready to answer; it and its children end with the block."""
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        _HOST,
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    if uri.startswith(_SQLITE):
        artifacts = Path(uri.removeprefix(_SQLITE)).parent / "artifacts"
        command += ["--artifacts-destination", str(artifacts)]
    environment = {**os.environ, **_LEAN, "MLFLOW_BACKEND_STORE_URI": uri}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _await_answer(process, port, log)
            yield process
        finally:
            _end(process)


def _await_answer(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            opener.open(f"http://{_HOST}:{port}/health", timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.2)
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    said = store.redacted(lines[-1]) if lines else "nothing"
    code = process.poll()
    state = f"ended with exit code {code}" if code is not None else "did not answer in time"
    raise TrackingError(f"MLflow's server {state}; its last words were: {said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        _quietly(member.terminate)
    for member in psutil.wait_procs(family, timeout=_END_TIMEOUT_S)[1]:
        _quietly(member.kill)
    process.wait()


def _quietly(action: Callable[[], None]) -> None:
    try:
        action()
    except psutil.NoSuchProcess:
        return


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Answer both requests to end like Ctrl-C, even where a shell had SIGINT ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
