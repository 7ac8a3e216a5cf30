import math

import pytest

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
