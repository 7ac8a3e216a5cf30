"""What is drawn on the terminal: no name controls it."""

import io

import pytest
from rich.console import Console

from perfexp import console

HOSTILE = "a\x1b]0;title\x07b\x9b2J\rc\u202ed"


def is_plain(text: str) -> bool:
    return not set(text) & set("\x1b\x07\x9b\r\u202e") and all(letter in text for letter in "abcd")


def test_a_line_holds_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    console.say(f"one\t{HOSTILE}\ntwo", end="!\n")
    said = capsys.readouterr().out
    assert is_plain(said) and said.startswith("one\ta") and said.endswith("\ntwo!\n")


def test_a_table_holds_none_and_reads_no_markup() -> None:
    screen = Console(file=io.StringIO(), width=100)
    screen.print(console.table(HOSTILE, {HOSTILE: False, "b": True}, [[HOSTILE, "[/x]"]]))
    drawn = screen.file.getvalue()
    assert is_plain(drawn) and "[/x]" in drawn


@pytest.mark.parametrize("title", ["[/x]", HOSTILE])
def test_a_bars_title_is_text(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with console.progress() as begin:
        begin(title, 2)(1)
    assert "1/2" in out.getvalue()
    assert console.plain(title) in out.getvalue() and "\x1b]0;" not in out.getvalue()
