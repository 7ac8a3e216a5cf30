"""The users of ``perfexp server``: the administrator's password, checked and changed, and lesser users."""

from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.errors import ConfigError
from perfexp.store.address import sqlite_uri

if TYPE_CHECKING:
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore


def require_password(path: Path, name: str, password: str) -> None:
    """Check that the user has this password.

    Raises:
        ConfigError: the user has another one, or does not exist.
    """
    if not _store(path).authenticate_user(name, password):
        raise ConfigError(
            f"The server's user {name!r} has another password, or does not exist: the first start made the "
            "administrator; give that name and password, or new_password=true to change the password."
        )


def set_password(path: Path, name: str, password: str) -> None:
    """Give a user of a server that is not running another password.

    Raises:
        ConfigError: there is no such user, or MLflow refuses the password.
    """
    from mlflow.exceptions import MlflowException

    try:
        _store(path).update_user(name, password=password)
    except MlflowException as error:
        raise ConfigError(f"The password of {name!r} cannot be changed: {error.message}") from error


def add(path: Path, name: str, password: str) -> None:
    """Add a user who is no administrator.

    Raises:
        ConfigError: the server was never started, the name is taken, or MLflow refuses the password.
    """
    from mlflow.exceptions import MlflowException

    if not path.is_file():
        raise ConfigError(f"There is no {path}; start the server once, which makes its administrator.")
    try:
        _store(path).create_user(name, password)
    except MlflowException as error:
        raise ConfigError(f"The user {name!r} cannot be added: {error.message}") from error


def _store(path: Path) -> "SqlAlchemyStore":
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore()
    store.init_db(sqlite_uri(path))  # type: ignore[no-untyped-call]
    return store
