"""The outcomes of one invocation, and what the terminal shows of them."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from math import isnan
from statistics import fmean, linear_regression
from typing import TYPE_CHECKING

from perfexp.config.schema import SweepConfig
from perfexp.console import still_bar
from perfexp.records import FINISHED, SKIPPED, Outcome
from perfexp.runs.finished import Finished
from perfexp.store.tracker import Tracker

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class SweepProgress:
    """Outcomes from any process; one line each in a log, and a bar on a terminal.

    The screen changes only when a cell begins or ends: drawing would disturb a measurement.

    Attributes:
        outcomes: of the cells that ended, in that order.
        tracker: the store, once it is open.
        sweep: which sweep this is.
        costs: of all its cells, in the order in which they run; NaN if unknown.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.outcomes: list[Outcome] = []
        self.tracker: Tracker | None = None
        self.sweep = SweepConfig()
        self.costs: Sequence[float] = ()
        self._clock = clock
        self._began = clock()
        self._cell_began: float | None = None
        self._done: list[tuple[float, float]] = []
        self._bar: Progress | None = None

    @cached_property
    def finished(self) -> Finished:
        """The cells that earlier sweeps finished."""
        assert self.tracker is not None, "the store is opened first"
        return Finished(self.tracker)

    @property
    def failed(self) -> bool:
        """Whether a cell has no numbers, neither new nor from an earlier run."""
        return any(not outcome.has_numbers for outcome in self.outcomes)

    def plan(self, costs: Sequence[float], screen: "Console") -> None:
        """Set the cells that will run; a terminal gets a bar."""
        self.costs = costs
        if screen.is_terminal:
            self._bar = still_bar(screen)
            self._bar.add_task("", total=len(costs), counts="")
            self._draw("")

    def begin(self, title: str) -> None:
        """Note that a cell begins in this process; for cells of other processes only the end is known."""
        self._cell_began = self._clock()
        self._draw(title)

    def add(self, outcome: Outcome) -> None:
        """Add a cell that ended, and report it in one line."""
        place, began, self._cell_began = len(self.outcomes), self._cell_began, None
        if began is not None and outcome.status != SKIPPED and place < len(self.costs):
            self._done.append((self.costs[place], self._clock() - began))
        self.outcomes.append(outcome)
        line = self.line(outcome)
        if self._bar is None:
            print(line, flush=True)
        else:
            self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)
            self._draw("")

    def close(self) -> None:
        """Remove the bar from the screen."""
        if self._bar is not None:
            self._bar.stop()

    def line(self, outcome: Outcome) -> str:
        """Return the cell's place, its main metric, and the time left."""
        done, total = len(self.outcomes), max(len(self.costs), len(self.outcomes))
        note = ", measured before" if outcome.status == SKIPPED else ""
        elapsed_s, left_s = self._clock() - self._began, self.seconds_left()
        left = f", about {_duration(left_s)} left" if left_s is not None and done < total else ""
        return f"[{done}/{total}] {outcome.title}: {outcome.summary}{note} ({_duration(elapsed_s)}{left})"

    def seconds_left(self) -> float | None:
        """Return an estimate for the cells that have not ended; None before one was measured."""
        return seconds_left(self._done, self.costs[len(self.outcomes) :])

    def _draw(self, running: str) -> None:
        if self._bar is None:
            return
        self._bar.start()
        left_s, done = self.seconds_left(), len(self.outcomes)
        statuses = [outcome.status for outcome in self.outcomes]
        measured, skipped = statuses.count(FINISHED), statuses.count(SKIPPED)
        counts = f"{measured} done, {done - measured - skipped} failed, {skipped} skipped"
        counts += "" if left_s is None else f", about {_duration(left_s)} left"
        self._bar.update(self._bar.task_ids[0], completed=done, description=running, counts=counts)
        self._bar.refresh()


def seconds_left(done: Sequence[tuple[float, float]], ahead: Sequence[float]) -> float | None:
    """Estimate the seconds for the cells ahead; None while none is done.

    A cell takes a fixed time plus a time proportional to its cost; both are fitted by least
    squares to the cells done. If costs are unknown or do not explain the times, each takes the mean.

    Args:
        done: cost and seconds of each cell done; a cost is NaN if unknown.
        ahead: costs of the cells ahead.
    """
    if not done:
        return None
    costs, seconds = zip(*done, strict=True)
    mean_s = fmean(seconds)
    if any(map(isnan, (*costs, *ahead))) or len(set(costs)) < 2:
        return mean_s * len(ahead)
    slope, fixed_s = linear_regression(costs, seconds)
    if fixed_s < 0:
        slope, fixed_s = linear_regression(costs, seconds, proportional=True)
    if slope < 0:
        return mean_s * len(ahead)
    return sum(fixed_s + slope * cost for cost in ahead)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
