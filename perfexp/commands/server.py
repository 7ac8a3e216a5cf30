"""Serve one MLflow store to many machines, behind a name and a password.

  perfexp server port=5000

It is MLflow's own server with basic authentication; artifacts pass through it too, so that the machines
that measure need neither its disk nor its database. MLFLOW_TRACKING_USERNAME and
MLFLOW_TRACKING_PASSWORD name the administrator, here as for the clients; MLFLOW_BACKEND_STORE_URI names
the database, as in postgresql+psycopg://perfexp@localhost/perfexp. There is no encryption: across a
network, put the server behind a proxy that has TLS. The machines that measure need no administrator:

  MLFLOW_TRACKING_USERNAME=lab MLFLOW_TRACKING_PASSWORD=… perfexp server add_user=true
"""

import os
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

from perfexp.config import checks
from perfexp.config.options import option
from perfexp.console import say
from perfexp.errors import ConfigError, TrackingError
from perfexp.serving import log, server, users
from perfexp.store.address import redacted, sqlite_uri

_USER, _PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
_STORE = "MLFLOW_BACKEND_STORE_URI"
_USERS = "users.db"
_AUTHENTICATION = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{users}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""


@dataclass
class Config:
    """Where the server listens and keeps its files."""

    host: str = option(server.HOST, "interface to listen on")
    port: int = option(5000, "port to listen on")
    workers: int = option(2, "server processes")
    folder: str = option("mlruns/server", "folder of artifacts, users and server.log, for its owner alone")
    new_password: bool = option(False, "the administrator's password becomes MLFLOW_TRACKING_PASSWORD")
    add_user: bool = option(False, "add MLFLOW_TRACKING_USERNAME as a user who is no administrator, and end")


def main(settings: Config) -> None:
    """Serve until Ctrl-C.

    Raises:
        TrackingError: there is no administrator, or MLflow's server did not start or ended.
    """
    checks.at_least(1, {"workers": settings.workers})
    checks.inside(0, 65536, {"port": settings.port}, "a port")
    folder = _private(Path(settings.folder).absolute())
    administrator = _administrator()
    signed = folder / _USERS, os.environ[_USER], os.environ[_PASSWORD]
    if settings.add_user:
        users.add(*signed)
        say(f"{signed[1]} can read all runs now, and write to the experiments that it makes.")
        return
    uri = os.environ.get(_STORE) or sqlite_uri(folder / "mlflow.db")
    arguments = ["--app-name", "basic-auth", "--host", settings.host, "--workers", str(settings.workers)]
    arguments += ["--artifacts-destination", str(folder / "artifacts")]
    variables = {**administrator, **_authentication(folder), **server.names(settings.host)}
    if signed[0].is_file():  # MLflow takes the password of the first start alone
        (users.set_password if settings.new_password else users.require_password)(*signed)
    output = folder / "server.log"
    with (
        server.until_stopped(),
        server.serving(uri, settings.port, arguments, variables, output, settings.host) as process,
    ):
        say(f"Serving {redacted(uri)} at http://{settings.host}:{settings.port}", flush=True)
        say("Ctrl-C ends the server.", flush=True)
        raise TrackingError(
            f"MLflow's server ended by itself with exit code {log.bounded_until_end(process, output)}."
        )


def _private(folder: Path) -> Path:
    """Return the folder, made for its owner alone: password hashes, runs and artifacts lie in it.

    Raises:
        ConfigError: others can read it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.name == "posix" and folder.stat().st_mode & 0o077:
        raise ConfigError(
            f"Other users of this machine can read {folder}, where passwords' hashes lie; "
            f"close it first: chmod -R go= {shlex.quote(str(folder))}"
        )
    return folder


def _administrator() -> dict[str, str]:
    name, password = os.environ.get(_USER), os.environ.get(_PASSWORD)
    if not name or not password:
        raise ConfigError(
            f"The server has no administrator: {_USER} and {_PASSWORD} are not both set; "
            "set them, here and where perfexp runs, to a name and 12 characters or more."
        )
    return {"MLFLOW_AUTH_ADMIN_USERNAME": name, "MLFLOW_AUTH_ADMIN_PASSWORD": password}


def _authentication(folder: Path) -> dict[str, str]:
    """The settings file beside the users, and the key that signs sessions, made once."""
    settings, key = folder / "authentication.ini", folder / "session.key"
    settings.touch(mode=0o600)
    settings.write_text(_AUTHENTICATION.format(users=folder / _USERS), encoding="utf-8")
    key.touch(mode=0o600)
    if not key.stat().st_size:  # a start that was killed may have left it empty
        key.write_text(secrets.token_hex(32), encoding="utf-8")
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": key.read_text(encoding="utf-8"),
    }
