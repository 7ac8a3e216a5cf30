"""The outcomes of one invocation, and what its user sees while they come in."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from perfexp.config.schema import SweepConfig
from perfexp.outcomes import FINISHED, SKIPPED, Outcome
from perfexp.runs.finished import Finished
from perfexp.store.tracker import Tracker
from perfexp.sweep.estimate import seconds_left

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class SweepProgress:
    """Outcomes, whichever process they came from; lines for a log, and a bar where there is a terminal.

    Nothing is drawn while a cell is measured: the screen changes when one begins and when it ends.

    Attributes:
        outcomes: of the cells that ended, in that order.
        tracker: the store, once it was opened.
        sweep: which sweep this is.
        costs: of all its cells, in the order in which they run; NaN where not known.
    """

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.tracker: Tracker | None = None
        self.sweep = SweepConfig()
        self.costs: Sequence[float] = ()
        self._began = time.monotonic()
        self._cell_began: float | None = None
        self._done: list[tuple[float, float]] = []
        self._bar: Progress | None = None
        self._seen = 0

    @cached_property
    def finished(self) -> Finished:
        """The cells that need not be measured again, as the store had them first."""
        assert self.tracker is not None
        return Finished(self.tracker)

    @property
    def failed(self) -> bool:
        """Whether any cell has no measurement."""
        return any(not outcome.has_numbers for outcome in self.outcomes)

    def plan(self, costs: Sequence[float], screen: "Console") -> None:
        """A sweep of so many cells begins; a bar is drawn if ``screen`` is a terminal."""
        self.costs = costs
        if screen.is_terminal:
            self._bar = _bar(screen)
            self._bar.add_task("", total=len(costs), counts="")

    def begin(self, title: str) -> None:
        """A cell begins in this process; cells of other processes only end."""
        self._cell_began = time.monotonic()
        self._draw(title)

    def add(self, outcome: Outcome) -> None:
        """A cell ended: keep its outcome and tell it in one line."""
        place, began, self._cell_began = len(self.outcomes), self._cell_began, None
        if began is not None and outcome.status != SKIPPED and place < len(self.costs):
            self._done.append((self.costs[place], time.monotonic() - began))
        self.outcomes.append(outcome)
        line = self.line(outcome)
        if self._bar is None:
            print(line, flush=True)
        else:
            self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)
            self._draw("")

    def see(self, statuses: Sequence[str]) -> None:
        """Cells of other processes ended with these statuses; their outcomes come later."""
        if len(statuses) == self._seen:
            return
        self._seen = len(statuses)
        if self._bar is None:
            elapsed = _duration(time.monotonic() - self._began)
            print(f"[{len(statuses)}/{len(self.costs)}] {_counts(statuses)} ({elapsed})", flush=True)
        else:
            self._show(statuses, "")

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.stop()

    def line(self, outcome: Outcome) -> str:
        """The cell's place, its number, and the time that is left."""
        done, total = len(self.outcomes), max(len(self.costs), len(self.outcomes))
        note = ", measured before" if outcome.status == SKIPPED else ""
        elapsed_s, left_s = time.monotonic() - self._began, self.seconds_left()
        left = f", about {_duration(left_s)} left" if left_s is not None and done < total else ""
        return f"[{done}/{total}] {outcome.title}: {outcome.told}{note} ({_duration(elapsed_s)}{left})"

    def seconds_left(self) -> float | None:
        """An estimate for the cells that have not ended; None before one was measured."""
        return seconds_left(self._done, self.costs[len(self.outcomes) :])

    def _draw(self, running: str) -> None:
        self._show([outcome.status for outcome in self.outcomes], running)

    def _show(self, statuses: Sequence[str], running: str) -> None:
        if self._bar is None:
            return
        self._bar.start()
        left_s = self.seconds_left()
        counts = _counts(statuses) + ("" if left_s is None else f", about {_duration(left_s)} left")
        self._bar.update(self._bar.task_ids[0], completed=len(statuses), description=running, counts=counts)
        self._bar.refresh()


def _counts(statuses: Sequence[str]) -> str:
    done, skipped = statuses.count(FINISHED), statuses.count(SKIPPED)
    return f"{done} done, {len(statuses) - done - skipped} failed, {skipped} skipped"


def _bar(screen: "Console") -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}"),
        TextColumn("{task.description}"),
    )
    return Progress(*columns, console=screen, auto_refresh=False, transient=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


current = SweepProgress()
"""This process's own."""
