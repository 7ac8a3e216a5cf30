"""One cell in clean processes: prepared once, measured, and measured again while tainted."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from perfexp import backends
from perfexp.cache import Cache
from perfexp.config.schema import Cell
from perfexp.errors import BackendError
from perfexp.measure.certificate import CLEAN
from perfexp.records import Failure, FailureKind, Measurement
from perfexp.worker import device_lock, steps
from perfexp.worker.process import run_in_child

Outcome = Measurement | Failure


def run_cell(cell: Cell) -> Outcome:
    """Measure ``cell`` in processes of its own, alone on its device.

    Whatever happens in those processes is returned as a Failure, never raised.
    """
    backend = backends.create(cell.backend)
    try:
        with device_lock.held(backend.physical_device(), cell.measure.lock_wait_s):
            if steps.is_prepared(cell, backend, Cache(Path(cell.cache_dir))):
                return _measured(cell, {})
            prepared = run_in_child(steps.prepared, cell)
            return _measured(cell, prepared) if isinstance(prepared, dict) else prepared
    except BackendError as error:
        return Failure(FailureKind.REFUSED, str(error))


def _measured(cell: Cell, prepared_s: Mapping[str, float]) -> Outcome:
    computes = backends.create(cell.backend).computes

    def attempt() -> Outcome:
        outcome = run_in_child(steps.measure, cell, frameworks=computes)
        assert isinstance(outcome, Measurement | Failure)
        return outcome

    outcome = until_clean(attempt, cell.measure.retry_tainted)
    both = (*prepared_s, *outcome.phases_s)
    phases_s = {k: prepared_s.get(k, 0.0) + outcome.phases_s.get(k, 0.0) for k in both}
    if isinstance(outcome, Failure):
        return replace(outcome, phases_s=phases_s)
    extra = {f"{name}_s": s for name, s in prepared_s.items() if name in ("build", "convert")}
    return replace(outcome, phases_s=phases_s, metrics={**extra, **outcome.metrics})


def until_clean(measure: Callable[[], Outcome], retries: int) -> Outcome:
    """Measure, repeat at most ``retries`` times while tainted, and return the best attempt.

    A clean attempt is the best; else the one with the fewest exceeded limits, and of those the one
    whose median has the narrowest interval. The others become its ``attempts``. A failure ends the
    attempts and is returned only if nothing was measured.
    """
    outcomes: list[Outcome] = []
    while len(outcomes) <= retries:
        outcomes.append(last := measure())
        if isinstance(last, Failure) or last.labels.get("verdict") == CLEAN:
            break
    measured = [outcome for outcome in outcomes if isinstance(outcome, Measurement)]
    if not measured:
        return outcomes[0]
    best = min(measured, key=_taint)
    others = tuple(outcome for outcome in outcomes if outcome is not best)
    return replace(best, attempts=others, metrics={**best.metrics, "attempts": float(len(outcomes))})


def _taint(measured: Measurement) -> tuple[int, float]:
    low, high = (measured.metrics.get(f"latency_p50_{end}_ms") for end in ("low", "high"))
    width = float("inf") if low is None or high is None else (high - low) / measured.metrics["latency_p50_ms"]
    reasons = measured.certificate.get("reasons")
    return (len(reasons) if isinstance(reasons, list) else 0), width
