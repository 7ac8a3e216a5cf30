import math

import pytest
import yaml

from perfexp.config.yaml_reader import read


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
