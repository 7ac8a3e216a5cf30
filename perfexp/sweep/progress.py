"""The outcomes of one invocation, and what the terminal shows of them."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from math import isnan, nan
from statistics import fmean, linear_regression
from typing import TYPE_CHECKING

from perfexp.config.schema import SweepConfig
from perfexp.console import plain, say, still_bar
from perfexp.records import FINISHED, SKIPPED, Failure, Measurement, Outcome
from perfexp.runs.finished import Finished
from perfexp.store.tracker import Tracker
from perfexp.worker.run import PREPARATION

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from perfexp.sweep.cell_job import CellJob


class SweepProgress:
    """Outcomes from any process; one line each in a log, and a bar on a terminal.

    The screen changes only when a cell begins or ends: drawing would disturb a measurement.

    Attributes:
        outcomes: of the cells that ended, in that order.
        tracker: the store, once it is open.
        sweep: which sweep this is.
        costs: of all its cells, in the order in which they begin; NaN if unknown.
        interleaved: whether all cells have their first round before any has its second.
        unfinished: the cells that have had a round and need further ones.
        later_rounds: how many rounds a cell has at least after its first.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.outcomes: list[Outcome] = []
        self.tracker: Tracker | None = None
        self.sweep = SweepConfig()
        self.costs: Sequence[float] = ()
        self.interleaved = False
        self.unfinished: list[CellJob] = []
        self.later_rounds = 0
        self._clock = clock
        self._began = clock()
        self._begun = 0
        self._task_began: tuple[float, float] | None = None
        self._firsts: list[tuple[float, float]] = []
        self._further: list[tuple[float, float]] = []
        self._bar: Progress | None = None

    @cached_property
    def finished(self) -> Finished:
        """The cells that earlier sweeps finished."""
        assert self.tracker is not None, "the store is opened first"
        return Finished(self.tracker, few=self.sweep.launched_from is not None)

    @property
    def failed(self) -> bool:
        """Whether a cell has no numbers, neither new nor from an earlier run."""
        return any(not outcome.has_numbers for outcome in self.outcomes)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    def plan(self, costs: Sequence[float], screen: "Console") -> None:
        """Set the cells that will run; a terminal gets a bar."""
        self.costs = costs
        if screen.is_terminal:
            self._bar = still_bar(screen)
            self._bar.add_task("", total=len(costs), counts="")
            self._draw("")

    def begin(self, title: str) -> float:
        """Note that the next cell begins in this process, and return its cost, NaN if unknown.

        For cells of other processes only the end is known.
        """
        cost = self.costs[self._begun] if self._begun < len(self.costs) else nan
        self._begun += 1
        self.begin_round(title, cost)
        return cost

    def begin_round(self, title: str, cost: float) -> None:
        """Note that a round of a cell of this cost begins."""
        self._task_began = cost, self._clock()
        self._draw(title)

    def round_ended(self, job: "CellJob", measured: Measurement | Failure, first: bool) -> None:
        """Note a round that ended, and report it in one line if its cell needs another one."""
        assert self._task_began is not None, "a round begins before it ends"
        (cost, began), self._task_began = self._task_began, None
        took_s, preparation_s = self._clock() - began, measured.phases_s.get(PREPARATION, 0.0)
        if first:
            self._firsts.append((cost, took_s))
        self._further.append((cost, max(0.0, took_s - preparation_s)))
        if isinstance(measured, Measurement) and not job.ended:
            count, median_ms = len(job.rounds.measured), measured.metrics["latency_p50_ms"]
            self._print(f"round {count}, {job.title}: {median_ms:.3f} ms ({self._times()})")

    def add(self, outcome: Outcome) -> None:
        """Add a cell that ended, and report it in one line."""
        began, self._task_began = self._task_began, None
        if began is not None and outcome.status != SKIPPED:
            self._firsts.append((began[0], self._clock() - began[1]))
        self.outcomes.append(outcome)
        self._print(self.line(outcome))

    def _print(self, line: str) -> None:
        if self._bar is None:
            say(line, flush=True)
        else:
            self._bar.console.print(plain(line), highlight=False, markup=False, soft_wrap=True)
            self._draw("")

    def close(self) -> None:
        """Remove the bar from the screen."""
        if self._bar is not None:
            self._bar.stop()

    def line(self, outcome: Outcome) -> str:
        """Return the cell's place, its main metric, and the time left."""
        done, total = len(self.outcomes), max(len(self.costs), len(self.outcomes))
        note = ", measured before" if outcome.status == SKIPPED else ""
        times = self._times() if done < total else duration(self.elapsed_s)
        return f"[{done}/{total}] {outcome.title}: {outcome.summary}{note} ({times})"

    def seconds_left(self) -> float | None:
        """Return an estimate for the cells that have not ended; None before one was measured."""
        ahead = self.costs[self._begun :] if self._firsts else self.costs[len(self.outcomes) :]
        first_s = seconds_left(self._firsts, ahead)
        further = [job.cost for job in self.unfinished for _ in range(job.rounds.expected_left)]
        further += [cost for cost in ahead for _ in range(self.later_rounds)]
        further_s = seconds_left(self._further, further) if further else 0.0
        return None if first_s is None or further_s is None else first_s + further_s

    def _times(self) -> str:
        left_s = self.seconds_left()
        left = "" if left_s is None else f", about {duration(left_s)} left"
        return f"{duration(self.elapsed_s)}{left}"

    def _draw(self, running: str) -> None:
        if self._bar is None:
            return
        self._bar.start()
        left_s, done = self.seconds_left(), len(self.outcomes)
        statuses = [outcome.status for outcome in self.outcomes]
        measured, skipped = statuses.count(FINISHED), statuses.count(SKIPPED)
        counts = f"{measured} done, {done - measured - skipped} failed, {skipped} skipped"
        counts += "" if left_s is None else f", about {duration(left_s)} left"
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


def duration(seconds: float) -> str:
    """Return a time as people say it: 3 h 20 min, 5 min 2 s, 40 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
