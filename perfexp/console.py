"""Everything that draws on the terminal: lines, consoles, progress bars and tables.

Names come from tables, stores and files that anybody may have written, so no text reaches the terminal with
characters that control it.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

WIDTH_WITHOUT_TERMINAL = 120
_CONTROLS = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]")
"""All but tab and line feed; among them escapes, and what turns the direction of writing."""


class Advance(Protocol):
    """Moves a bar by so many steps."""

    def __call__(self, count: int = 1) -> None:
        """Move the bar."""


def plain(text: object) -> str:
    """Return the text with a mark in the place of each character that controls a terminal."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", str(text))


def say(text: object = "", *, end: str = "\n", file: IO[str] | None = None, flush: bool = False) -> None:
    """Print a line without control characters, as all lines of perfexp are."""
    print(plain(text), end=end, file=file, flush=flush)


def terminal() -> "Console":
    """Return the console of stdout: as wide as the terminal, or 120 characters where there is none."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)


@contextmanager
def progress(unit: str = "") -> Iterator[Callable[[str, int], Advance]]:
    """Yield a function that adds a bar of so many steps and returns what advances it.

    Bars are drawn on stderr, on a terminal only, and vanish at the end.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *([TextColumn(unit)] if unit else []),
        TimeRemainingColumn(),
    )
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bars:

        def begin(title: str, steps: int) -> Advance:
            task = bars.add_task(plain(title), total=steps)

            def advance(count: int = 1) -> None:
                bars.advance(task, count)

            return advance

        yield begin


def counter(what: str) -> "Progress":
    """Return a spinner on stderr that counts steps whose total is unknown, on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:.0f} " + what), TimeElapsedColumn())
    screen = Console(stderr=True)
    return Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)


def still_bar(screen: "Console") -> "Progress":
    """Return a bar that is redrawn only when it is told to: nothing draws while a cell is measured."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}"),
        TextColumn("{task.description}", markup=False),
    )
    return Progress(*columns, console=screen, auto_refresh=False, transient=True)


def table(title: str, columns: Mapping[str, bool], rows: Sequence[Sequence[str]]) -> "Table":
    """Return a table; ``columns`` maps each heading to whether its cells are numbers, aligned right."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(plain(title)), title_justify="left")
    for heading, numeric in columns.items():
        made.add_column(plain(heading), justify="right" if numeric else "left")
    for row in rows:
        made.add_row(*(Text(plain(cell)) for cell in row))  # a name may look like markup
    return made
