"""What people bring as tables: every reading is the one that was written, or one sentence."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perfexp import tables
from perfexp.errors import ConfigError

CELL = st.text(st.sampled_from("ab1,;|\t .\"'#\né€µ\x85\u2028"), max_size=6)
MARKS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


def read(content: bytes, **options: object) -> tables.Table:
    with TemporaryDirectory() as folder:
        path = Path(folder, "mine.csv")
        path.write_bytes(content)
        return tables.read(path, **options)


def plain(cell: str) -> str:
    return cell.replace("\r\n", "\n").replace("\r", "\n").strip()


def is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return not content.isascii()


@st.composite
def grids(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=6))
    return [["model", "a;b", "c,d", "e|f"][:width], *rows]


@settings(max_examples=200, deadline=None)
@given(
    grids(),
    st.sampled_from(sorted(MARKS)),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
@example([["model", "a;b"], ["x", "1;5"]], "comma", "utf-8", "\n", False)
@example([["model", "a;b"], ["", "é€€"]], "comma", "cp1252", "\n", False)
def test_a_written_table_is_read_exactly_or_refused(
    grid: list[list[str]], mark: str, encoding: str, ending: str, told: bool
) -> None:
    out = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if ending == "\r" else csv.QUOTE_MINIMAL  # else it leaves \n bare
    csv.writer(out, delimiter=MARKS[mark], lineterminator=ending, quoting=quoting).writerows(grid)
    content = out.getvalue().encode(encoding, errors="ignore")
    if encoding == "cp1252" and is_utf8(content):
        return  # the bytes are another text in UTF-8, which is what such bytes are taken for
    options = {"delimiter": tables.Delimiter(mark)} if told else {}
    try:
        table = read(content, **options)
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1
        return
    written = [[plain(cell.encode(encoding, "ignore").decode(encoding)) for cell in row] for row in grid]
    found = [list(cells.values()) for _, cells in table.lines]
    if table.delimiter == mark:
        assert all(row in written for row in found)
        filled = [row for row in written[1:] if any(row)]
        assert len(found) + len(table.broken) >= len(filled)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
@example(b"a,b\n\xff,1\n")
def test_any_bytes_are_a_table_or_one_sentence(content: bytes) -> None:
    try:
        read(content)
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("m,b,t\na,1,2\nb,1,1,5\n", 3, "4 cells where the header has 3"),
        ("m,b,t\na,1\n", 2, "2 cells where the header has 3"),
        ('m,b,t\n"a,1,2\nb,1,2\n', 2, "quotation mark opens"),
        ('m,b,t\n"a,1,2\nb,1,2\nc",1,2\n', 2, "may be one cell or rows"),
        ("m,b,t\na,1,2\nm,b,t\n", 3, "repeats the header"),
        ("m,b,t\n#a,1,2\n", 2, "as a comment does"),
        ('m,b,t\n"' + "a" * 140_000 + '",1,2\n', 2, "more than 100,000 characters"),
        ("m,b,t\n" + "a" * 140_000 + ",1,2\n", 2, "more than 100,000 characters"),
    ],
)
def test_what_is_no_row_is_named(text: str, line: int, words: str) -> None:
    [(number, reason)] = read(text.encode(), delimiter=tables.Delimiter.comma).broken[:1]
    assert number == line
    assert words in reason


def test_long_lines_take_no_more_than_their_number() -> None:
    content = b"m,b,t\na,1,2\n" + (b'"' + b"a" * 150_000 + b"\n") * 60
    began = process_time()
    table = read(content, delimiter=tables.Delimiter.comma)
    assert process_time() - began < 1
    assert len(table.lines) == 1 and len(table.broken) == 60


def test_two_delimiters_that_fit_are_shown() -> None:
    with pytest.raises(ConfigError, match=r"separated by commas.*'m;b'.*by semicolons.*'m'"):
        read(b"m;b,t\na;1,5\n")


def test_bytes_of_an_unknown_encoding_are_shown() -> None:
    content = "m,t (µs)\na,1\n".encode("cp1252")
    with pytest.raises(ConfigError, match=r"0xb5 of line 1 .* source.encoding=cp1252"):
        read(content)
    assert read(content, encoding="cp1252").header == ["m", "t (µs)"]
