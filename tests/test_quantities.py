"""Numbers as people write them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perfexp.quantities import Decimal, decimal_of, number, split

POINT, COMMA = frozenset({Decimal.point}), frozenset({Decimal.comma})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12,5", 12.5),
        ("1.234,56", 1234.56),
        ("0,435", 0.435),
        ("1,234.5", 1234.5),
        ("22,900,000", 22.9e6),
        ("1'234.5", 1234.5),
        ("1 234,5", 1234.5),
        ("1.234", 1.234),
        ("1e3", 1000.0),
    ],
)
def test_one_reading(text: str, value: float) -> None:
    assert number(text, frozenset()) == value


def test_two_readings_are_shown_unless_the_table_decides() -> None:
    with pytest.raises(ValueError, match="1234 with a decimal point and 1.234 with a decimal comma"):
        number("1,234", frozenset())
    with pytest.raises(ValueError, match="two|1234"):
        number("1.234", POINT | COMMA)
    assert number("1,234", decimal_of(["7.5"])) == 1234
    assert number("1.234", decimal_of(["7,5"])) == 1234


def test_a_unit_follows() -> None:
    assert [split(t) for t in ("12.5 ms", "79.0%", "22.9M", "3 μs", "-")] == [
        ("12.5", "ms"),
        ("79.0", "%"),
        ("22.9", "M"),
        ("3", "µs"),
        ("", "-"),
    ]


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 10**9),
    st.integers(0, 4),
    st.sampled_from(list(Decimal)),
    st.sampled_from(["", "'", " ", "x"]),
)
@example(1234, 0, Decimal.comma, "x")
def test_a_written_number_is_read_with_its_mark(whole: int, places: int, mark: Decimal, group: str) -> None:
    value = whole / 10**places
    other = {"x": "." if mark == Decimal.comma else ","}.get(group, group)
    point = "." if mark == Decimal.point else ","
    text = f"{value:,.{places}f}".replace(",", "_").replace(".", point).replace("_", other)
    assert number(text, frozenset({mark})) == pytest.approx(value, abs=1e-12)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("0123456789.,' -+eE%msµk_"), max_size=9))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    found, _ = split(text)
    for seen in (frozenset(), POINT, COMMA, POINT | COMMA):
        try:
            assert number(found, seen) == number(found, seen)
        except ValueError as error:
            assert "could not convert" not in str(error)
