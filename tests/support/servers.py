"""PostgreSQL and MLflow's server on the loopback interface, for tests and benchmarks."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

HOST = "127.0.0.1"
USER, PASSWORD = "perfexp", "correct-horse-battery"
_QUICK = ("fsync=off", "full_page_writes=off", "max_connections=100", "listen_addresses=127.0.0.1")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _program(name: str) -> str:
    """From PATH, or from where Debian keeps the servers' programs."""
    found = shutil.which(name) or next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)
    assert found, f"{name} is not installed: apt-get install postgresql"
    return str(found)


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to be run by root: then it is run by the account of its package."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


@dataclass
class Postgres:
    """One PostgreSQL; ``uri`` holds a password."""

    folder: Path
    port: int = field(default_factory=free_port)

    def uri(self, database: str = "perfexp") -> str:
        return f"postgresql+psycopg://{USER}:{PASSWORD}@{HOST}:{self.port}/{database}"

    def create(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        account = _account()
        if account:
            for path in (self.folder, secret):
                os.chown(path, account.pw_uid, account.pw_gid)
        self._run("initdb", "--username", USER, "--auth", "scram-sha-256", "--pwfile", str(secret))

    def start(self) -> None:
        options = " ".join(f"-c {option}" for option in (*_QUICK, f"port={self.port}"))
        options += f" -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "--wait", "--log", str(self.folder / "log"), "--options", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "--mode", "immediate", "stop")

    def kill(self) -> None:
        """As a power cut: the postmaster first, so that it cannot say goodbye."""
        os.kill(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def add_database(self, name: str) -> str:
        at = f"host={HOST} port={self.port} user={USER} password={PASSWORD} dbname=postgres"
        with psycopg.connect(at, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.uri(name)

    def _run(self, program: str, *arguments: str) -> None:
        account = _account()
        data = ("--pgdata", str(self.folder / "data"))
        subprocess.run(
            [_program(program), *data, *arguments],
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A new PostgreSQL, ended and removed with the block."""
    folder = Path(tempfile.mkdtemp(prefix="perfexp-pg-", dir="/tmp"))  # short, and open to its account
    database = Postgres(folder)
    database.create()
    database.start()
    try:
        yield database
    finally:
        database.stop()
        shutil.rmtree(folder)


@dataclass
class Server:
    """``perfexp server`` on a database; users and artifacts lie in ``folder``."""

    folder: Path
    store: str
    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        return {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": PASSWORD}

    def start(self) -> None:
        command = [Path(sys.executable).parent / "perfexp", "server", f"port={self.port}", "workers=1"]
        environment = {**os.environ, **self.credentials, "MLFLOW_BACKEND_STORE_URI": self.store}
        self._process = subprocess.Popen(
            [*command, f"folder={self.folder}", *self.options],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.said = self._process.stdout.readline()
        assert self.said.startswith("Serving"), self.said

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)

    def kill(self) -> None:
        """SIGKILL to every process of the server at once."""
        for member in self._members():
            member.kill()
        self._process.communicate(timeout=30)

    def hang(self, seconds: float) -> None:
        """Answer nothing for a while, then everything that was asked meanwhile."""
        for member in self._members():
            member.suspend()
        threading.Timer(seconds, lambda: [member.resume() for member in self._members()]).start()

    def _members(self) -> list[psutil.Process]:
        process = psutil.Process(self._process.pid)
        return [*process.children(recursive=True), process]


@contextmanager
def server(folder: Path, store: str) -> Iterator[Server]:
    """A new server, ended with the block."""
    made = Server(folder, store)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def dumped(database: Postgres, name: str) -> bytes:
    """Everything that a database holds, as text."""
    uri = database.uri(name).replace("+psycopg", "")
    return subprocess.run([_program("pg_dump"), uri], check=True, stdout=subprocess.PIPE).stdout
