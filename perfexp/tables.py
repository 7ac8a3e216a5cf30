"""Tables that people bring: from a file to a header, numbered lines, and places that cannot be read.

Nothing is lost or guessed in silence: what is not a row is named, and a file with two readings is refused.
"""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from perfexp.errors import ConfigError

Line = tuple[int, Mapping[str, str]]
Record = list[str] | str
"""The cells of a record, or the reason why there are none."""
_LONGEST_CELL = 50
"""Lines that a quoted cell may span."""
_LONGEST_RECORD = 100_000
"""Characters of a record; a cell of more than 131,072 is none for Python's reader either."""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Delimiter(StrEnum):
    """The character between two cells."""

    comma = "comma"
    semicolon = "semicolon"
    tab = "tab"
    pipe = "pipe"


_CHARACTERS = {Delimiter.comma: ",", Delimiter.semicolon: ";", Delimiter.tab: "\t", Delimiter.pipe: "|"}


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Attributes:
        broken: line number and reason of what is no row.
    """

    delimiter: Delimiter
    header: Sequence[str]
    lines: Sequence[Line]
    broken: Sequence[tuple[int, str]]


def read(path: Path, delimiter: Delimiter | None = None, encoding: str | None = None) -> Table:
    """Return a table of separated values; lines before the header that begin with ``#`` are comments.

    Raises:
        ConfigError: the file cannot be read as a table, or in more than one way.
    """
    text = decoded(path, encoding).replace("\r\n", "\n").replace("\r", "\n")
    numbered = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    first = next((i for i, (_, line) in enumerate(numbered) if not line.startswith("#")), len(numbered))
    choices = [delimiter] if delimiter else list(Delimiter)
    tables = [table for one in choices if (table := _table(one, numbered[first:]))]
    if not tables:
        raise ConfigError(
            f"{path} has no table of columns separated by commas, semicolons, tabs or pipes; give a CSV file."
        )
    table = _best(path, tables)
    repeated = sorted({name for name in table.header if name and table.header.count(name) > 1})
    if repeated:
        raise ConfigError(f"{path} has more than one column {repeated[0]!r}; rename them apart.")
    return table


def decoded(path: Path, encoding: str | None = None, advice: str = "give a CSV file") -> str:
    """Return the text of a file in UTF-8, or in what its byte order mark or ``encoding`` says.

    ``advice`` ends the sentence on a file that cannot be opened.

    Raises:
        ConfigError: it cannot be read, or is in an encoding that only the user knows.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); {advice}.") from error
    marked = next((name for mark, name in _BOMS if content.startswith(mark)), None)
    try:
        text = content.decode(encoding or marked or "utf-8")
    except LookupError as error:
        raise ConfigError(f"There is no encoding named {encoding!r}; name one such as cp1252.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} cannot be read ({_undecodable(content, error)}).") from error
    if "\0" in text:
        raise ConfigError(
            f"{path} cannot be read (it holds NUL characters); save it as UTF-8, or name its encoding "
            "(perfexp import: source.encoding=utf-16-le)."
        )
    return text.removeprefix("\ufeff")


def _undecodable(content: bytes, error: UnicodeDecodeError) -> str:
    line = content.count(b"\n", 0, error.start) + 1
    one = content[error.start : error.start + 1]
    west, cyrillic = (one.decode(name, errors="replace") for name in ("cp1252", "cp1251"))
    return (
        f"it is not {error.encoding.upper()} text: byte {one[0]:#04x} of line {line} is {west!r} in cp1252 "
        f"and {cyrillic!r} in cp1251; save it as UTF-8, or name its encoding "
        "(perfexp import: source.encoding=cp1252)"
    )


def _best(path: Path, tables: Sequence[Table]) -> Table:
    """Return the one table that most of the file's lines fit.

    Raises:
        ConfigError: two delimiters fit.
    """
    fitting = [t for t in tables if not t.lines or len(t.lines) > len(t.broken)]
    if len(fitting) == 1:
        return fitting[0]
    if len(tables) == 1:
        return tables[0]
    one, other = (fitting if len(fitting) > 1 else tables)[:2]
    raise ConfigError(
        f"{path} can be read in two ways: separated by {one.delimiter}s its columns are "
        f"{_shown(one)}, by {other.delimiter}s {_shown(other)}; give source.delimiter={one.delimiter} or "
        f"source.delimiter={other.delimiter}."
    )


def _shown(table: Table) -> str:
    return " and ".join(repr(name[:40]) for name in table.header[:2])


def _table(delimiter: Delimiter, numbered: Sequence[tuple[int, str]]) -> Table | None:
    """Return the table with this delimiter; None if its header has a single column or none."""
    records = _records(_CHARACTERS[delimiter], [n for n, _ in numbered], [line for _, line in numbered])
    _, first = next(records, (0, ""))
    if isinstance(first, str):
        return None
    header = [name.strip() for name in first]
    while header and not header[-1]:  # a delimiter at every line's end
        header.pop()
    if len(header) < 2:
        return None
    lines: list[Line] = []
    broken: list[tuple[int, str]] = []
    for number, found in records:
        cells = found if isinstance(found, str) else [cell.strip() for cell in found]
        reason = cells if isinstance(cells, str) else _misfit(header, cells)
        if reason:
            broken.append((number, reason))
        elif any(cells):
            lines.append((number, dict(zip(header, cells, strict=False))))
    return Table(delimiter, header, lines, broken)


def _misfit(header: Sequence[str], cells: list[str]) -> str:
    """Return why cells are no row of the table; empty if they are one."""
    if cells[: len(header)] == header:
        return "it repeats the header"
    if cells and cells[0].startswith("#"):
        return "it begins with #, as a comment does"
    if len(cells) < len(header) or any(cells[len(header) :]):
        return f"it has {len(cells)} cells where the header has {len(header)}"
    return ""


def _records(mark: str, numbers: Sequence[int], lines: Sequence[str]) -> Iterator[tuple[int, Record]]:
    """Yield the first line's number and the cells of each record, or the reason why there are none."""
    at, width = 0, 0
    while at < len(lines):
        found, used = _record(mark, lines, at, numbers)
        alone = [_cells(mark, line) for line in lines[at + 1 : at + used]]
        if used > 1 and width and any(cells and len(cells) >= width for cells in alone):
            found = (
                f"a quotation mark opens there and closes in line {numbers[at + used - 1]}: lines "
                "between may be one cell or rows"
            )
        width = width or len(found)
        yield numbers[at], found
        at += used


def _record(mark: str, lines: Sequence[str], at: int, numbers: Sequence[int]) -> tuple[Record, int]:
    """Return the cells of the record that begins at a line, or a reason, and how many lines it takes."""
    for used in range(1, min(_LONGEST_CELL, len(lines) - at) + 1):
        # blank lines within a cell are kept as far as the numbers tell
        joined = "".join(
            "\n" * (numbers[i] - numbers[i - 1] if i > at else 0) + lines[i] for i in range(at, at + used)
        )
        if len(joined) > _LONGEST_RECORD:
            return f"it has more than {_LONGEST_RECORD:,} characters, or a quotation mark does not close", 1
        cells = _cells(mark, joined)
        if cells is not None:
            return cells, used
    return "a quotation mark opens there and does not close, or closes within a cell", 1


def _cells(mark: str, text: str) -> list[str] | None:
    """Return the cells of a record; None if its quotation marks do not fit."""
    try:
        return next(csv.reader([text], delimiter=mark, strict=True, skipinitialspace=True), [])
    except csv.Error:
        return None
