"""The command perfexp-server: one MLflow store for many machines, behind a name and a password.

MLflow's own server with basic authentication; artifacts pass through it too, so that the machines
that measure need neither its disk nor its database. It listens on the loopback interface unless
asked otherwise, and without encryption: across a network, put it behind a proxy that has TLS.
"""

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from perfexp.errors import TrackingError
from perfexp.serving import server
from perfexp.store import connection

_USER, _PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
_STORE = "MLFLOW_BACKEND_STORE_URI"
_AUTHENTICATION = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{users}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, 2 for what the user has to solve."""
    options = _parse(argv)
    return server.exit_code("perfexp-server", lambda: _run(options))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "perfexp-server",
        description="Serve one MLflow store to many machines, with basic authentication.",
        epilog=f"{_USER} and {_PASSWORD} name the administrator, here as for the clients; "
        f"{_STORE} names the database, as in postgresql+psycopg://perfexp@localhost/perfexp.",
    )
    add = parser.add_argument
    add("--host", default=server.HOST, help=f"interface to listen on (default: {server.HOST})")
    add("--port", type=int, default=5000, help="(default: 5000)")
    add("--workers", type=int, default=2, help="server processes (default: 2)")
    add("--folder", default="mlruns/server", help="artifacts, users and server.log (default: mlruns/server)")
    return parser.parse_args(argv)


def _run(options: argparse.Namespace) -> None:
    folder = Path(options.folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    uri = os.environ.get(_STORE) or connection.sqlite_uri(folder / "mlflow.db")
    arguments = ["--app-name", "basic-auth", "--host", options.host, "--workers", str(options.workers)]
    arguments += ["--artifacts-destination", str(folder / "artifacts")]
    settings = {**_administrator(), **_authentication(folder)}
    with (
        server.ended_by_signal(),
        server.serving(uri, options.port, arguments, settings, folder / "server.log") as process,
    ):
        print(f"Serving {connection.redacted(uri)} at http://{options.host}:{options.port}", flush=True)
        print("Ctrl-C ends the server.", flush=True)
        raise TrackingError(f"MLflow's server ended by itself with exit code {process.wait()}.")


def _administrator() -> dict[str, str]:
    name, password = os.environ.get(_USER), os.environ.get(_PASSWORD)
    if not name or not password:
        raise TrackingError(
            f"The server has no administrator: {_USER} and {_PASSWORD} are not both set; "
            "set them, here and where perfexp runs, to a name and 12 characters or more."
        )
    return {"MLFLOW_AUTH_ADMIN_USERNAME": name, "MLFLOW_AUTH_ADMIN_PASSWORD": password}


def _authentication(folder: Path) -> dict[str, str]:
    """The settings file beside the users, and the key that signs sessions, made once."""
    settings, key = folder / "authentication.ini", folder / "session.key"
    settings.write_text(_AUTHENTICATION.format(users=folder / "users.db"), encoding="utf-8")
    if not key.exists():
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": key.read_text(encoding="utf-8"),
    }


if __name__ == "__main__":
    sys.exit(main())
