"""Everything that draws on the terminal: consoles, progress bars, tables."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def terminal() -> "Console":
    """Where tables go: as wide as the terminal, or wide enough where there is none."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)


@contextmanager
def progress() -> Iterator[Callable[[str, int], Callable[[], None]]]:
    """A function that draws a bar for a task of so many steps, and gives what is called after each.

    Bars are drawn on a terminal only, and vanish at the end.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bars:

        def begin(title: str, steps: int) -> Callable[[], None]:
            task = bars.add_task(title, total=steps)
            return lambda: bars.advance(task)

        yield begin
