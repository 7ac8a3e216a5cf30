"""A Ray of two nodes on this machine: a head at 127.0.0.2 and a worker at 127.0.0.3."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.clusters import until

HEAD, WORKER = "127.0.0.2", "127.0.0.3"
PORT = 6399
COMMON = (
    "--num-cpus=1",
    '--resources={"perfexp": 1}',
    "--disable-usage-stats",
    "--object-store-memory=80000000",
)
_LOSS_FOUND_QUICKLY = {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "3"}


class RayCluster:
    """What a test does with the cluster besides running perfexp on it."""

    address = f"{HEAD}:{PORT}"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}
        self.token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}

    @property
    def environment(self) -> dict[str, str]:
        """This process's, and the way to the cluster."""
        return {**os.environ, **self.token, "RAY_ADDRESS": self.address}

    def start(self, ip: str) -> None:
        """Start the node ``ip`` and wait until it takes work."""
        place = ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={self.folder}"]
        join = [f"--address={self.address}"]
        program = Path(sys.executable).parent / "ray"
        own = {**os.environ, **self.token, **_LOSS_FOUND_QUICKLY}
        command = [program, "start", "--block", f"--node-ip-address={ip}", *(place if ip == HEAD else join)]
        said = self.folder / f"{ip}.log"
        with said.open("wb") as log:
            self.nodes[ip] = subprocess.Popen(
                [*command, *COMMON], env=own, stdout=log, stderr=log, start_new_session=True
            )
        until(lambda: b"Ray runtime started" in said.read_bytes())

    def lose(self, ip: str) -> None:
        """Kill every process of a node at once, as a lost machine does."""
        starter = self.nodes.pop(ip)
        lost = [psutil.Process(starter.pid), *psutil.Process(starter.pid).children(recursive=True)]
        for process in lost:
            process.kill()
        starter.wait()

    def stop(self) -> None:
        """End all nodes."""
        for ip in [*self.nodes]:
            self.lose(ip)


@contextmanager
def running() -> Iterator[RayCluster]:
    """Start both nodes; stop every process of them at the end. Ray's sockets need a short path."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    cluster = RayCluster(folder)
    try:
        cluster.start(HEAD)
        cluster.start(WORKER)
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
