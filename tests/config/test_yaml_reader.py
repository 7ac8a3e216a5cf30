import math
from pathlib import Path
from time import process_time

import pytest
import yaml

from perfexp.config.yaml_reader import may_be_too_much, read


@pytest.mark.parametrize(
    "name", ["2026_01_15", "2026-01-15", "1:30", "017", "08", "0x1F", "1_000.5", "no", "On", "e5", "1.5.2"]
)
def test_a_name_stays_text(name: str) -> None:
    assert read(f"a: {name}") == {"a": name}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0", 0),
        ("-3", -3),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e-3", 1e-3),
        ("-.inf", -math.inf),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("'3'", "3"),
        ("[1, no]", [1, "no"]),
    ],
)
def test_numbers_and_booleans_are_read(written: str, value: object) -> None:
    found = read(f"a: {written}")
    assert found == {"a": value} and type(found["a"]) is type(value)


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3", "a: {b: 1, b: 1}", "- {1: x, 1: y}"])
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="stands twice"):
        read(text)


def bomb(lines: int) -> str:
    """Eight aliases a line, each of the line before it."""
    rows = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, lines)]
    return "\n".join(["a0: &a0 [x]", *rows])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (bomb(30), "more than 10,000 values"),
        ("a: [" + "1, " * 10_001 + "]", "more than 10,000 values"),
        ("a: &a [*a]", "an alias within what it stands for"),
        ("a: &a {b: {<<: *a}}", "an alias within what it stands for"),
        ("[" * 90_000, "over 50 levels"),
        ("[" * 60 + "]" * 60, "over 50 levels"),
        ("a: " + "x" * 100_000, "more than 100,000 characters"),
    ],
)
def test_too_much_is_refused_within_a_second(text: str, words: str) -> None:
    began = process_time()
    with pytest.raises(yaml.YAMLError, match=words):
        read(text)
    assert process_time() - began < 1
    assert may_be_too_much(text) or "1, " in text


def test_many_keys_take_no_more_than_their_number() -> None:
    began = process_time()
    assert len(read("\n".join(f"k{n}: {n}" for n in range(4000)))) == 4000
    assert process_time() - began < 1


def test_a_plain_file_is_not_suspected() -> None:
    for path in Path("conf").glob("**/*.yaml"):
        assert not may_be_too_much(path.read_text())


def test_aliases_are_read() -> None:
    assert read("a: &a {b: 1}\nc: {<<: *a, d: [*a, *a]}")["c"] == {"b": 1, "d": [{"b": 1}, {"b": 1}]}
