"""What an address of a store holds: host and port or a file, and credentials, which nothing may show."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from perfexp.errors import ConfigError

HIDDEN = "***"
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://[^\s'\"]+")
_SECRET_KEYS = ("pass", "pwd", "token", "secret", "key")
_SQLITE = "sqlite:///"
_ESCAPED_SQLITE = "sqlite+pysqlite:///"
"""Addresses with an escaped path begin so: of others MLflow creates the folder, as it is written."""
_FILE = "file:"
"""How the path of an address begins by which a store is only read."""


def redacted(address: str) -> str:
    """Return the address without its credentials."""
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    if _user_info(address):
        rest = f"{HIDDEN}@{rest.rpartition('@')[2]}"
    place, question, query = rest.partition("?")
    if any(is_secret(key) for key, _value in parse_qsl(query, keep_blank_values=True)):
        query = HIDDEN
    return f"{scheme}://{place}{question}{query}"


def redacted_text(text: str) -> str:
    """Return the text with every address in it redacted."""
    return _ADDRESS.sub(lambda found: redacted(found[0]), text)


def without_secrets(text: str, address: str) -> str:
    """Return the text without the address's credentials, whole or in pieces, as drivers cite them."""
    text = text.replace(address, redacted(address))
    info = _user_info(address).partition(":")[2]
    values = [value for key, value in parse_qsl(urlsplit(address).query) if is_secret(key)]
    pieces = {piece for secret in (info, unquote(info), *values) for piece in (secret, *secret.split("@"))}
    for piece in sorted(filter(None, pieces), key=len, reverse=True):
        text = text.replace(piece, HIDDEN)
    return redacted_text(text)


def endpoint(address: str) -> tuple[str, int | None] | None:
    """Return the host and the port that the address names; None where it names no host.

    Raises:
        ConfigError: the port is no number, or out of range.
    """
    plain = "x://" + address.partition("://")[2]
    info = _user_info(address)
    if info:
        plain = "x://" + plain.rpartition("@")[2]
    try:
        parts = urlsplit(plain)
        return (parts.hostname, parts.port) if parts.hostname else None
    except ValueError as error:
        reason = without_secrets(str(error), address)
        raise ConfigError(
            f"The store's address {redacted(address)} cannot be used ({reason}); correct its host or port."
        ) from error


def sqlite_uri(path: Path) -> str:
    """Return the address of an SQLite store, in which "%" and "?" of its path mean themselves."""
    if not _has_escapes(str(path)):
        return f"{_SQLITE}{path}"
    from sqlalchemy import URL

    return str(URL.create(_ESCAPED_SQLITE.partition(":")[0], database=str(path)))


def sqlite_path(uri: str) -> Path | None:
    """Return the file of an SQLite store; None for any other store."""
    if not uri.startswith((_SQLITE, _ESCAPED_SQLITE)):
        return None
    if not _has_escapes(uri):
        return Path(uri.partition(":///")[2])
    from sqlalchemy import make_url

    database = make_url(uri).database or ""
    return Path(unquote(urlsplit(database).path) if database.startswith(_FILE) else database)


def named_sqlite_file(place: str) -> Path | None:
    """Return the SQLite store that a path, or its ``file:`` address, names; None where there is no such file.

    The path is the file's, or that of a folder which holds ``mlflow.db``.
    """
    scheme, colon, _ = place.partition(":")
    if colon and scheme != "file":
        return None
    path = Path(unquote(urlsplit(place).path) if colon else place).expanduser()
    candidates = (path / "mlflow.db", path / "mlruns" / "mlflow.db") if path.is_dir() else (path,)
    return next((one for one in candidates if one.is_file()), None)


def _has_escapes(text: str) -> bool:
    return "%" in text or "?" in text


def is_secret(key: str) -> bool:
    """Return whether a query's key or a variable's name is that of a password, a token or the like."""
    return any(word in key.lower() for word in _SECRET_KEYS)


def _user_info(address: str) -> str:
    """Return what stands before the host, '' where the address names no user.

    A password may hold "/" and "@", which one of the two parsers ends the host at.
    """
    if "@" not in address:
        return ""
    rest = address.partition("://")[2].rpartition("@")[0]
    return rest if _names_user(address) else ""


def _names_user(address: str) -> bool:
    try:
        parts = urlsplit(address)
        if "@" in parts.netloc:
            return True
        if parts.scheme in ("http", "https"):
            return True  # a "/" of the password ended the host; what an "@" in a path hides is no loss
    except ValueError:
        return True
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(address).username is not None
    except (ArgumentError, ValueError):
        return True
