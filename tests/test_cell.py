from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum

import pytest

from perfexp import cell, environment
from perfexp.config.schema import Cell


def test_key_is_stable(make_cell: Callable[..., Cell]) -> None:
    assert cell.key(make_cell()) == cell.key(make_cell())


@pytest.mark.parametrize(
    "change", [{"batch_size": 2}, {"seed": 1}, {"input_size": 96}, {"threads": 1}, {"weights": "pretrained"}]
)
def test_key_follows_every_choice(make_cell: Callable[..., Cell], change: dict[str, object]) -> None:
    assert cell.key(make_cell(**change)) != cell.key(make_cell())


def test_key_follows_the_host(make_cell: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch) -> None:
    here = cell.key(make_cell())
    monkeypatch.setattr(environment, "host", lambda: {"host": "elsewhere"})
    assert cell.key(make_cell()) != here


def test_on_a_cluster_it_follows_the_host_that_asked(
    make_cell: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = cell.key(make_cell(), "login")
    monkeypatch.setattr(environment, "host", lambda: {"host": "node7"})
    assert cell.key(make_cell(), "login") == here != cell.key(make_cell(), "other")


def test_key_does_not_follow_the_folder(make_cell: Callable[..., Cell]) -> None:
    assert cell.key(replace(make_cell(), cache_dir="/elsewhere")) == cell.key(make_cell())


def _changed(value: object) -> object:
    match value:
        case bool():
            return not value
        case Enum():
            return next(member for member in type(value) if member is not value)
        case int() | float():
            return value + 1
        case str():
            return f"{value}x"
        case list():
            return [*value, 12.5]
    return 3


@pytest.mark.parametrize("part", ["", "model", "backend", "measure"])
def test_no_two_choices_share_a_key(make_cell: Callable[..., Cell], part: str) -> None:
    whole = make_cell("torch")
    owner = getattr(whole, part) if part else whole
    keys = [cell.key(whole)]
    for field in fields(owner):
        value = getattr(owner, field.name)
        if is_dataclass(value) or field.name in ("cache_dir", "calibration", "source", "name"):
            continue  # a part, no choice, or a name that a plug-in must have
        changed = replace(owner, **{field.name: _changed(value)})
        keys.append(cell.key(replace(whole, **{part: changed}) if part else changed))
    assert len(set(keys)) == len(keys) > 2
