"""A Slurm of two virtual nodes on this machine: munged, slurmctld and two slurmd, all beneath a folder."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.clusters import until

NODES = ("n1", "n2")
_TEMPLATE = Path(__file__).with_name("slurm.conf")
_SACCT = Path(__file__).with_name("sacct.py")


class SlurmCluster:
    """What a test does with the cluster besides running perfexp on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """This process's, and the way to the cluster and its stand-in for sacct."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"], "/usr/sbin"])
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def __call__(self, *command: str) -> str:
        """Output of one of Slurm's commands."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def jobs(self, *states: str) -> list[str]:
        """Ids of the jobs in one of these states, array tasks one by one."""
        return self("squeue", "--noheader", "--array", "--format=%i", f"--states={','.join(states)}").split()

    def set_state(self, node: str, state: str) -> None:
        """``DRAIN`` takes a node out once its job has ended, ``RESUME`` puts it back."""
        reason = ["Reason=a test"] if state == "DRAIN" else []
        self("scontrol", "update", f"NodeName={node}", f"State={state}", *reason)

    def idle(self) -> bool:
        """Whether every node waits for work."""
        states = self("sinfo", "--noheader", "--Node", "--format=%T").split()
        return len(states) == len(NODES) and set(states) == {"idle"}


@contextmanager
def running(folder: Path) -> Iterator[SlurmCluster]:
    """Start the cluster and wait until both nodes are idle; stop every process of it at the end."""
    cluster = SlurmCluster(folder)
    _write_files(folder)
    daemons = []
    try:
        munge = folder / "munge"
        files = [f"--{name}-file={munge / name}" for name in ("key", "seed", "pid", "log")]
        daemons.append(
            _daemon(cluster, "munged", "--foreground", "--force", f"--socket={munge / 'socket'}", *files)
        )
        until((munge / "socket").exists)
        daemons.append(_daemon(cluster, "slurmctld", "-D", "-i"))
        daemons += [_daemon(cluster, "slurmd", "-D", "-N", node) for node in NODES]
        until(cluster.idle)
        yield cluster
    finally:
        _stop(cluster, daemons)


def _write_files(folder: Path) -> None:
    for name in ("run", "log", "state", "munge", "bin", *(f"spool.{node}" for node in NODES)):
        (folder / name).mkdir(mode=0o755)
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    sacct = folder / "bin" / "sacct"
    sacct.write_text(f'#!/bin/sh\nexec {sys.executable} {_SACCT} "$@"\n')
    sacct.chmod(0o755)
    controller, first, second = _free_ports(3)
    replaced = {
        "@DIR@": str(folder),
        "@HOST@": socket.gethostname().split(".")[0],
        "@CONTROLLER@": str(controller),
        "@PORT1@": str(first),
        "@PORT2@": str(second),
    }
    text = _TEMPLATE.read_text()
    for mark, value in replaced.items():
        text = text.replace(mark, value)
    (folder / "slurm.conf").write_text(text)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def _daemon(cluster: SlurmCluster, *command: str) -> "subprocess.Popen[bytes]":
    with (cluster.folder / "log" / "daemons.log").open("ab") as log:
        return subprocess.Popen(
            command, env=cluster.environment, stdout=log, stderr=log, start_new_session=True
        )


def _stop(cluster: SlurmCluster, daemons: "list[subprocess.Popen[bytes]]") -> None:
    if len(daemons) > 2:
        subprocess.run(["scancel", "--full", "--user=root"], env=cluster.environment, timeout=30, check=False)
    for daemon in reversed(daemons):
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(timeout=10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
