from collections.abc import Callable
from dataclasses import replace

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
