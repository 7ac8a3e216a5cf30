"""Cells of a published table as numbers: latencies, counts, percentages, with units of cell or header."""

import math
import re
from collections.abc import Mapping

from perfexp.metrics import METRICS
from perfexp.quantities import Decimal, number, split

POINT = frozenset({Decimal.point})
ABSENT = {"", "-", "–", "—", "n/a", "na", "nan", "none", "null"}
"""How tables say that a value is missing, in small letters."""
MS = {"s": 1e3, "sec": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "ns": 1e-6}
_FACTORS = {
    "ms": MS,
    "s": {unit: factor / 1e3 for unit, factor in MS.items()},
    "MB": {
        "B": 1e-6,
        "kB": 1e-3,
        "KB": 1e-3,
        "MB": 1.0,
        "GB": 1e3,
        "KiB": 1.024e-3,
        "MiB": 1.048576,
        "GiB": 1073.741824,
    },
    "images/s": dict.fromkeys(("images/s", "imgs/s", "img/s", "samples/s", "fps", "FPS"), 1.0),
    "J": {"J": 1.0, "mJ": 1e-3},
    "W": {"W": 1.0, "mW": 1e-3},
}
"""What turns a table's unit into the metric's."""
_UNITS = frozenset(unit for factors in _FACTORS.values() for unit in factors)
_COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
_LEAST_COUNT = 1000
"""A count of parameters or products below it is likely one of thousands or millions."""
_HEADER_UNIT = re.compile(r"[(\[]\s*([^\s()\[\]]{1,8})\s*[)\]]|[_ -]([^\s_()\[\]-]{1,3})$")


def header_unit(column: str) -> str:
    """Return what a column's name has in brackets or behind its last mark: ms of "Time (ms)"."""
    found = _HEADER_UNIT.search(column)
    return (found[1] or found[2]).replace("μ", "µ") if found else ""


def positive(cells: Mapping[str, str], column: str, seen: frozenset[Decimal] = POINT) -> float:
    """Return the number in a column.

    Raises:
        ValueError: it is not a positive, finite number, or it has a unit.
    """
    value, unit = _quantity(cells, column, seen)
    if unit:
        raise ValueError(f"{column} is {cells[column]!r} where a number without a unit belongs")
    return value


def whole(cells: Mapping[str, str], column: str, seen: frozenset[Decimal] = POINT) -> int:
    """Return the positive integer in a column.

    Raises:
        ValueError: it is not a positive integer.
    """
    value = positive(cells, column, seen)
    if value != int(value):
        raise ValueError(f"{column} is {cells[column]!r} where a whole number belongs")
    return int(value)


def named(cells: Mapping[str, str], column: str) -> str:
    """Return the text in a column.

    Raises:
        ValueError: it is empty.
    """
    if not cells[column]:
        raise ValueError(f"{column} is empty")
    return cells[column]


def latency_ms(cells: Mapping[str, str], column: str, unit: str, seen: frozenset[Decimal]) -> float:
    """Return a time in ms; a unit in the cell goes before ``unit``.

    Raises:
        ValueError: it is no time.
    """
    value, own = _quantity(cells, column, seen)
    if own and own not in MS:
        raise ValueError(f"{column} is {cells[column]!r}; a time's unit is one of {', '.join(MS)}")
    return value * MS[own or unit]


def metric(
    cells: Mapping[str, str], column: str, name: str, seen: frozenset[Decimal], fractions: bool
) -> float | None:
    """Return a metric's value in the unit of :mod:`perfexp.metrics`; None where the table has none.

    Raises:
        ValueError: it is no value of that metric, or has two readings.
    """
    if cells[column].lower() in ABSENT:
        return None
    value, own = _quantity(cells, column, seen)
    unit = own or header_unit(column)
    if name in ("params", "macs"):
        return _count(cells, column, value, own, unit)
    if METRICS[name].unit == "%":
        return _percent(
            cells, column, 100 * value if fractions and unit != "%" else value, own, unit, fractions
        )
    return value * _factor(
        METRICS[name].unit, unit, own or _bracketed(column), f"{column} is {cells[column]!r}"
    )


def _factor(wanted: str, unit: str, told: str, found: str) -> float:
    """Return what a value is multiplied with; ``unit`` may be no unit, but what is ``told`` is meant as one.

    Raises:
        ValueError: what is told is no unit of that metric.
    """
    known = _FACTORS.get(wanted, {wanted: 1.0})
    if unit in known:
        return known[unit]
    if told:
        raise ValueError(f"{found} in {told}, where {' or '.join(known) or 'a number'} belongs")
    return 1.0


def _bracketed(column: str) -> str:
    """Return the unit that a column's name has in brackets; what else stands there says nothing of it."""
    found = _HEADER_UNIT.search(column)
    return found[1] if found and found[1] in _UNITS else ""


def _count(cells: Mapping[str, str], column: str, value: float, own: str, unit: str) -> float:
    letters = re.sub(r"(params|param|macs|mac)$", "", unit.lower())
    if own and letters not in _COUNTS:
        raise ValueError(f"{column} is {cells[column]!r}; a count's unit is one of k, M, G")
    scaled = value * _COUNTS.get(letters, 1.0)
    if scaled < _LEAST_COUNT:
        raise ValueError(
            f"{column} is {cells[column]!r}, which may count ones or millions; write 5.2M in the cell, "
            f"or the unit into the column's name, as in '{column} (M)'"
        )
    return float(round(scaled))


def _percent(
    cells: Mapping[str, str], column: str, value: float, own: str, unit: str, fractions: bool
) -> float:
    if own not in ("", "%") or value > 100:
        raise ValueError(f"{column} is {cells[column]!r} where a percentage belongs")
    if value <= 1 and unit != "%" and not fractions:
        raise ValueError(
            f"{column} is {cells[column]!r}, which is {value:g} % or, as a fraction, {100 * value:g} %; "
            f"give source.fractions=true, or write the column's name as '{column} (%)'"
        )
    return value


def _quantity(cells: Mapping[str, str], column: str, seen: frozenset[Decimal]) -> tuple[float, str]:
    """Return a cell's positive number and its unit.

    Raises:
        ValueError: it has none, or the number has two readings.
    """
    text, unit = split(cells[column])
    try:
        value = number(text, seen)
    except ValueError as error:
        if str(error) != "no number":
            raise ValueError(f"{column} {error}") from error
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{column} is {cells[column]!r} where a positive number belongs")
    return value, unit
