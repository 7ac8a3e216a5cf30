"""MLflow's server, run with little overhead on the loopback interface during a block."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psutil

from perfexp import signals
from perfexp.console import say
from perfexp.errors import TrackingError
from perfexp.serving import guard, log
from perfexp.store.address import redacted_text, sqlite_path

HOST = "127.0.0.1"
_NAMES = "MLFLOW_SERVER_ALLOWED_HOSTS"
_PORTS_TRIED = 50
_START_TIMEOUT_S = 120.0
_END_TIMEOUT_S = 10.0
_LEAN = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "PYTHONSAFEPATH": "1",
}


def free_port(requested: int) -> int:
    """Return ``requested``, or the next port that is free.

    Raises:
        TrackingError: none of the next ports is free.
    """
    for port in range(requested, min(requested + _PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        if port != requested:
            say(f"Port {requested} is taken, so the server listens on {port}.", flush=True)
        return port
    raise TrackingError(f"No port from {requested} to {port} is free on {HOST}; choose another with port=.")


@contextmanager
def serving(
    uri: str,
    port: int,
    options: Sequence[str] = ("--host", HOST, "--workers", "1"),
    settings: Mapping[str, str] = MappingProxyType({}),
    log_path: Path | None = None,
    host: str = HOST,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run MLflow's server, ready to answer; it and its children end with the block, or with this process.

    It takes no module from the current directory, and what it makes beside a log is for its user alone.

    Args:
        uri: the store behind it, passed in an environment variable: it may hold a password.
        port: the port that it listens on.
        options: of ``mlflow server``.
        settings: environment variables of the server.
        log_path: file for the server's output, continued; None discards it at the end.
        host: the interface that it listens on, asked for its answer.

    Raises:
        TrackingError: the port is taken, or the server ended or did not answer in time.
    """
    _require_free(host, port)
    command = [sys.executable, guard.__file__, sys.executable, "-m", "mlflow", "server"]
    command += ["--port", str(port), *options]
    path = sqlite_path(uri)
    if path is not None and "--artifacts-destination" not in options:
        command += ["--artifacts-destination", str(path.parent / "artifacts")]
    environment = {**os.environ, **_LEAN, "MLFLOW_BACKEND_STORE_URI": uri, **settings}
    with tempfile.TemporaryFile() if log_path is None else log.opened(log_path) as output:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=sys.prefix,  # uvicorn would import modules from the current directory
            umask=-1 if log_path is None else 0o077,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_answer(process, host, port, output)
            yield process
        finally:
            _end(process)


def reached(host: str) -> str:
    """Return the address of a server on this machine that listens on ``host``, for a URL."""
    place = {"0.0.0.0": HOST, "::": "::1"}.get(host, host)
    return f"[{place}]" if ":" in place else place


def names(host: str) -> dict[str, str]:
    """Return the setting by which MLflow answers to this machine's names, if the user has not set it."""
    from mlflow.server.security_utils import get_default_allowed_hosts

    if _NAMES in os.environ or host in (HOST, "::1", "localhost"):
        return {}
    own = [name + port for name in (host, socket.gethostname(), socket.getfqdn()) for port in ("", ":*")]
    return {_NAMES: ",".join([*get_default_allowed_hosts(), *own])}


def _require_free(host: str, port: int) -> None:
    """Refuse a port that another program holds: it would be taken for the server.

    Raises:
        TrackingError: it is taken, or this machine has no such interface.
    """
    try:
        family, kind, protocol, _, at = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(at)
    except OSError as error:
        reason = error.strerror or error
        raise TrackingError(f"No server can listen on {host}:{port} ({reason}); choose another.") from error


def _await_answer(process: subprocess.Popen[bytes], host: str, port: int, output: IO[bytes]) -> None:
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            opener.open(f"http://{reached(host)}:{port}/health", timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.2)
    output.seek(0)
    lines = output.read().decode(errors="replace").strip().splitlines()
    last = redacted_text(lines[-1]) if lines else "nothing"
    code = process.poll()
    state = f"ended with exit code {code}" if code is not None else "did not answer in time"
    raise TrackingError(f"MLflow's server {state}; its last output was: {last}")


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with process.stdin:  # as long as it is open, the guard guards
        _end_family(process)


def _end_family(process: subprocess.Popen[bytes]) -> None:
    try:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    for member in psutil.wait_procs(family, timeout=_END_TIMEOUT_S)[1]:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


@contextmanager
def until_stopped() -> Iterator[None]:
    """End the body quietly on Ctrl-C or SIGTERM, even if a shell had SIGINT ignored."""
    with signals.handled(signal.default_int_handler):
        try:
            yield
        except KeyboardInterrupt:
            say()
