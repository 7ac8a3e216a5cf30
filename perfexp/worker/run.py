"""One cell in clean processes: prepared once, measured in rounds, judged beside the host's own pace."""

import time
from collections.abc import Callable
from dataclasses import replace
from math import ceil, inf
from pathlib import Path

from perfexp import backends
from perfexp.cache import Cache
from perfexp.config.schema import Cell, of_round
from perfexp.errors import BackendError
from perfexp.measuring import rounds
from perfexp.measuring.pace import PaceHistory
from perfexp.measuring.round_verdict import JudgedRound, judge
from perfexp.records import Failure, FailureKind, Measurement
from perfexp.worker import device_lock, steps
from perfexp.worker.process import run_in_child

Outcome = Measurement | Failure
PREPARATION = "preparation"
"""The phase of a round in which what later rounds find in the cache is made."""


def run_cell(cell: Cell, sleep: Callable[[float], None] = time.sleep) -> Outcome:
    """Measure ``cell`` in as many rounds as it needs, spread over time; see :class:`Rounds`."""
    taken = Rounds(cell)
    while not taken.ended:
        sleep(taken.pause_s(time.time()))
        taken.take()
    return taken.outcome()


class Rounds:
    """The rounds of one cell, taken one by one, each in a process of its own, alone on its device.

    Args:
        cell: what is measured.
        measured: rounds that were taken before, by a process that was stopped.

    Raises:
        BackendError: the backend does not exist.
    """

    def __init__(self, cell: Cell, measured: list[Measurement] | None = None) -> None:
        self.cell, self.measured = cell, measured or []
        self.failure: Failure | None = None
        self._backend = backends.create(cell.backend)
        self._cache = Cache(Path(cell.cache_dir))
        self._history = PaceHistory(self._cache, self._backend.threads())

    @property
    def ended(self) -> bool:
        """Whether nothing is left to measure: precise enough, at the end of the budget, or failed."""
        settings, count = self.cell.measure, len(self.measured)
        timed_s = sum(sum(one.samples_ms) for one in self.measured) / 1e3
        if self.failure is not None or count >= settings.max_rounds or timed_s >= settings.budget_s:
            return True
        return settings.rounds <= count and (count == 1 or self.half_width <= settings.rounds_half_width)

    @property
    def half_width(self) -> float:
        """Half-width of the interval over rounds, as a fraction; infinite below two rounds that count."""
        return rounds.half_width(self.judged())

    @property
    def expected_left(self) -> int:
        """How many further rounds the cell will need, by how its interval narrows with their number."""
        if self.ended:
            return 0
        settings, count = self.cell.measure, len(self.measured)
        if count < settings.rounds:
            return settings.rounds - count
        half_width = self.half_width
        needed = 0 if half_width == inf else ceil(count * (half_width / settings.rounds_half_width) ** 2)
        return min(settings.max_rounds, max(count + 1, needed)) - count

    def pause_s(self, now_s: float) -> float:
        """Return how long to wait until the next round may begin."""
        if not self.measured:
            return 0.0
        pause_s = self.cell.measure.round_pause_s
        return min(pause_s, max(0.0, self.measured[-1].began_s + pause_s - now_s))

    def take(self) -> Outcome:
        """Measure one round. Whatever happens in its processes is a Failure, never raised."""
        outcome = self._measure()
        if isinstance(outcome, Failure):
            self.failure = outcome
        else:
            self.measured.append(outcome)
        return outcome

    def judged(self) -> list[JudgedRound]:
        """Return the rounds beside the host's own pace, as far as it is known."""
        return judge(self.measured, self.cell.measure, self._history.own(time.time()))

    def outcome(self) -> Outcome:
        """Return what the rounds give together; a failure only if nothing was measured."""
        if not self.measured:
            assert self.failure is not None, "a cell has a round or a failure"
            return self.failure
        combined = rounds.combine(self.judged(), self.cell.batch_size, self.cell.measure)
        if self.failure is None:
            return combined
        return replace(combined, labels={**combined.labels, "failed_round": self.failure.message})

    def _measure(self) -> Outcome:
        cell = replace(self.cell, measure=of_round(self.cell.measure))
        try:
            with device_lock.held(self._backend.physical_device(), cell.measure.lock_wait_s) as note:
                began = time.perf_counter()
                prepared: object = {}
                if not steps.is_prepared(cell, self._backend, self._cache):
                    prepared = run_in_child(steps.prepared, cell)
                if isinstance(prepared, Failure):
                    return prepared
                assert isinstance(prepared, dict)
                preparation_s = time.perf_counter() - began
                outcome = run_in_child(steps.measure, cell)
        except BackendError as error:
            return Failure(FailureKind.REFUSED, str(error))
        assert isinstance(outcome, Measurement | Failure)
        both = (*prepared, *outcome.phases_s)
        phases_s = {k: prepared.get(k, 0.0) + outcome.phases_s.get(k, 0.0) for k in both}
        if isinstance(outcome, Failure):
            return replace(outcome, phases_s=phases_s)
        self._history.learn(outcome.blocks, time.time())
        extra = {f"{name}_s": s for name, s in prepared.items() if name in ("build", "convert")}
        phases_s[PREPARATION] = preparation_s
        labels = {**outcome.labels, **({"device_lock": note} if note else {})}
        return replace(outcome, phases_s=phases_s, metrics={**extra, **outcome.metrics}, labels=labels)
