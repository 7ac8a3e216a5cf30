"""The MLflow store: its address, its creation, and its errors as one sentence."""

import logging
import os
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from perfexp.errors import TrackingError
from perfexp.store import database, notes, sqlite_file
from perfexp.store.address import (
    endpoint,
    named_sqlite_file,
    redacted,
    sqlite_path,
    sqlite_uri,
    without_secrets,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_ANSWER_TIMEOUT_S = 5.0
_LOCK_TIMEOUT_S = 60.0
_REMARK = "(raised as a result of"
"""How SQLAlchemy begins the line that says where an error was raised."""

_CHECK = "check that it exists, is writable and not held by another program"
_FOLLOW = "do what MLflow says"


def resolve(uri: str | None, root: Path) -> str:
    """Return the store's address: as configured, else MLFLOW_TRACKING_URI, else SQLite below ``root``."""
    address = uri or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(root / "mlflow.db")
    path = sqlite_path(address) or named_sqlite_file(address)
    return address if path is None else sqlite_uri(path.absolute())


def experiment_name(requested: str | None, default: str = "perfexp") -> str:
    """Return the experiment: as configured, else MLFLOW_EXPERIMENT_NAME, else ``default``."""
    return requested or os.environ.get("MLFLOW_EXPERIMENT_NAME") or default


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn the errors of MLflow and its database into one sentence.

    Raises:
        TrackingError: the store failed.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ModuleNotFoundError) as error:
        lines = [line for line in str(error).strip().splitlines() if not line.startswith(_REMARK)]
        reason = without_secrets(lines[0] if lines else str(error), uri)
        is_advice = isinstance(error, MlflowException) and not error.__context__
        advice = _FOLLOW if is_advice else _CHECK
        raise TrackingError(
            f"The MLflow store {redacted(uri)} cannot be used ({shorten(reason, 300, placeholder='…')}); "
            f"{advice}, or set tracking.uri."
        ) from error


def connect(uri: str, root: Path, create: bool = True) -> "MlflowClient":
    """Return a client of the store; with ``create``, a missing SQLite file is created first.

    Raises:
        TrackingError: the store is missing, locked, read-only or does not answer.
    """
    client_class = _client_class(uri)
    with explained(uri):
        path = sqlite_path(uri)
        if path is None:
            with database.exclusive(uri):
                return client_class(tracking_uri=uri)
        sqlite_file.require_writable(path, create)
        with _locked(path), sqlite_file.journal_kept(path):
            client = client_class(tracking_uri=uri)
            client.search_experiments(max_results=1)
        return client


def connect_to_read(uri: str, root: Path) -> "tuple[str, MlflowClient]":
    """Return the address and a client of a store that is there, which need not be writable.

    Raises:
        TrackingError: the store is missing, cannot be read or does not answer.
    """
    path = sqlite_path(uri)
    if path and path.is_file():
        client_class = _client_class(uri)
        with explained(uri):
            if address := sqlite_file.read_only_uri(path):
                return address, client_class(tracking_uri=address)
    return uri, connect(uri, root, create=False)


def _client_class(uri: str) -> "type[MlflowClient]":
    """Import MLflow, without its telemetry, patience and chatter, for a store that answers.

    Raises:
        TrackingError: it does not.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    require_answer(uri)
    from mlflow import MlflowClient

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    # It logs tracebacks of errors that it raises.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(_is_no_other_folder)
    return MlflowClient


def _is_no_other_folder(record: logging.LogRecord) -> bool:
    """Refuse MLflow's complaint of a folder in a file store that is no experiment: those are numbers."""
    return re.match(r"Malformed experiment '\D", str(record.msg)) is None


def experiment_id(client: "MlflowClient", uri: str, name: str, root: Path) -> str:
    """Return the experiment's id; a new one in a database keeps its artifacts below ``root``.

    Raises:
        TrackingError: the experiment was deleted, or the store refused.
    """
    from mlflow.exceptions import MlflowException

    remote = uri.startswith(("http://", "https://", "databricks"))
    folder = re.sub(r"[^\w.-]+", "_", name)
    location = None if remote else (root / "artifacts" / folder).absolute().as_uri()
    with explained(uri):
        found = client.get_experiment_by_name(name)
        if found is None:
            with _locked(root.absolute() / "experiments"):
                try:
                    client.create_experiment(name, location, {"mlflow.note.content": notes.EXPERIMENT})
                except MlflowException as error:
                    if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process created it
                        raise
                found = client.get_experiment_by_name(name)
        if found is None:
            raise TrackingError(f"{redacted(uri)} did not keep the new experiment {name!r}; try again.")
        return active_id(found, uri)


def active_id(found: "Experiment", uri: str) -> str:
    """Return the id of an experiment that can be used.

    Raises:
        TrackingError: it was deleted.
    """
    if found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"The experiment {found.name!r} was deleted from {redacted(uri)}; restore it with mlflow "
            f"experiments restore --experiment-id {found.experiment_id}, or name another one."
        )
    return str(found.experiment_id)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{path}.lock", timeout=_LOCK_TIMEOUT_S):
            yield
    except Timeout as error:
        raise OSError(f"{path}.lock has been held by another program for a minute") from error


def require_answer(uri: str) -> None:
    """Check that the store's host answers at its port, if its address names one.

    Raises:
        ConfigError: its port cannot be one.
        TrackingError: nothing answers at its host and port.
    """
    scheme = re.split(r"[+:]", uri, maxsplit=1)[0]
    place = endpoint(uri) if scheme in _PORTS else None
    if place is None:
        return
    host, port = place
    try:
        socket.create_connection((host, port or _PORTS[scheme]), _ANSWER_TIMEOUT_S).close()
    except OSError as error:
        raise TrackingError(
            f"The MLflow store {redacted(uri)} does not answer ({error.strerror or error}); start it, "
            "or set tracking.uri or MLFLOW_TRACKING_URI to one that runs."
        ) from error
