import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import make_url

from perfexp.errors import ConfigError
from perfexp.store import address
from perfexp.store.address import sqlite_path, sqlite_uri
from perfexp.store.connection import resolve

PASSWORDS = st.text(string.ascii_letters + string.digits + "/@:%+!$&*-._~", min_size=8, max_size=16)


@pytest.mark.parametrize(
    ("given_address", "shown"),
    [
        ("postgresql://me:secret@db:5432/x", "postgresql://***@db:5432/x"),
        ("postgresql+psycopg://me:pa/ss-word@db:9/x", "postgresql+psycopg://***@db:9/x"),
        ("postgresql+psycopg://me:p@ss-word@db:9/x", "postgresql+psycopg://***@db:9/x"),
        ("postgresql://me:p%40ss@db/x", "postgresql://***@db/x"),
        ("postgresql://db/x?user=me&password=secret", "postgresql://db/x?***"),
        ("http://me:pa/ss@db:5000", "http://***@db:5000"),
        ("http://me:12/x@db:5000", "http://***@db:5000"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("postgresql://***@db:5432/x", "postgresql://***@db:5432/x"),
    ],
)
def test_credentials_are_left_out(given_address: str, shown: str) -> None:
    assert address.redacted(given_address) == shown


def test_text_of_several_lines_keeps_what_is_no_address() -> None:
    text = "uri: http://127.0.0.1:5000\nexperiment: me@work\n"
    assert address.redacted_text(text) == text


@example("aaaa/@aa")
@given(PASSWORDS)
def test_no_password_is_shown(password: str) -> None:
    uri = f"postgresql://perfexp:{password}@127.0.0.1:9/db"
    assert address.redacted(uri) == "postgresql://***@127.0.0.1:9/db"
    assert password not in address.redacted_text(f"uri: {uri}\nnext: line")
    assert password not in address.without_secrets(f"cannot reach {uri}: {password}", uri)
    assert address.endpoint(uri) == ("127.0.0.1", 9)


@pytest.mark.parametrize("port", ["99999", "500O"])
def test_an_impossible_port_is_one_sentence(port: str) -> None:
    with pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be used .*correct its host or port"):
        address.endpoint(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("name", ["My%20Project", "100%", "what?", "a#1@b:c", "Müller"])
def test_a_folders_name_is_no_escape(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "mlflow.db"
    assert sqlite_path(sqlite_uri(path)) == path
    assert make_url(sqlite_uri(path)).database == str(path)
    assert resolve(sqlite_uri(path), Path("mlruns")) == sqlite_uri(path)


@pytest.mark.parametrize(
    "form", ["{}", "{}/mlruns", "{}/mlruns/mlflow.db", "file://{}/mlruns", "file:{}/mlruns/mlflow.db"]
)
def test_a_path_names_the_store_that_lies_there(tmp_path: Path, form: str) -> None:
    file = tmp_path / "the old place" / "mlruns" / "mlflow.db"
    file.parent.mkdir(parents=True)
    file.touch()
    place = file.parents[1].as_uri().removeprefix("file://") if form.startswith("file") else file.parents[1]
    assert resolve(form.format(place), tmp_path) == sqlite_uri(file)


def test_other_addresses_stay_as_they_are(tmp_path: Path) -> None:
    for uri in ("http://127.0.0.1:5000", f"file://{tmp_path}", "postgresql+psycopg://db/x", "databricks"):
        assert resolve(uri, tmp_path) == uri
