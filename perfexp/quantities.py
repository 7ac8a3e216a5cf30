"""Numbers as people write them: decimal and thousands marks, units; two readings are an error."""

import re
from collections.abc import Iterable
from enum import StrEnum


class Decimal(StrEnum):
    """The mark before a number's fraction."""

    point = "point"
    comma = "comma"


_NUMBER = re.compile(r"[+-]?[\d.,'’ \u00a0\u2009\u202f]*\d[.]?(?:[eE][+-]?\d+)?", re.ASCII)
_FORMS = {
    Decimal.point: re.compile(
        r"[+-]?(?:\d*\.?\d+|\d+\.|[1-9]\d{0,2}(?:(?P<group>[,'’ \u00a0\u2009\u202f])\d{3})"
        r"(?:(?P=group)\d{3})*(?:\.\d+)?)(?:[eE][+-]?\d+)?",
        re.ASCII,
    ),
    Decimal.comma: re.compile(
        r"[+-]?(?:\d*,?\d+|\d+,|[1-9]\d{0,2}(?:(?P<group>[.'’ \u00a0\u2009\u202f])\d{3})"
        r"(?:(?P=group)\d{3})*(?:,\d+)?)(?:[eE][+-]?\d+)?",
        re.ASCII,
    ),
}
_MARKS = {Decimal.point: ".", Decimal.comma: ","}
_MICRO = str.maketrans("μ", "µ")


def split(text: str) -> tuple[str, str]:
    """Return the number at a text's beginning and the unit behind it; the number may be empty."""
    found = _NUMBER.match(text)
    return (found[0], text[found.end() :].strip().translate(_MICRO)) if found else ("", text)


def readings(number: str) -> dict[Decimal, float]:
    """Return the values that a number can have, by decimal mark; equal for both if it has no mark."""
    return {mark: _value(number, mark) for mark, form in _FORMS.items() if form.fullmatch(number)}


def decimal_of(texts: Iterable[str]) -> frozenset[Decimal]:
    """Return the decimal marks of those numbers in the texts that only one mark makes readable."""
    found = (readings(split(text)[0]) for text in texts)
    return frozenset(next(iter(values)) for values in found if len(values) == 1)


def number(text: str, seen: frozenset[Decimal]) -> float:
    """Return the value of a number, given the decimal marks seen beside it.

    A point alone, as in 1.234, is a decimal point unless decimal commas were seen.

    Raises:
        ValueError: it is no number, or has two values.
    """
    values = readings(text)
    if not values:
        raise ValueError("no number")
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    likely = seen or (frozenset({Decimal.point}) if "," not in text else frozenset())
    if len(likely) == 1:
        return values[next(iter(likely))]
    point, comma = values[Decimal.point], values[Decimal.comma]
    raise ValueError(
        f"is {text!r}, which is {point:.15g} with a decimal point and {comma:.15g} with a decimal comma; "
        "give source.decimal=point or source.decimal=comma"
    )


def _value(number: str, decimal: Decimal) -> float:
    digits = "".join(c for c in number if c.isascii() and (c.isalnum() or c in "+-" or c == _MARKS[decimal]))
    return float(digits.replace(",", "."))
