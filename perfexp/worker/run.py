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
        with device_lock.held(backend.physical_device(), cell.measure.lock_wait_s, _print):
            is_prepared = steps.is_prepared(cell, backend, Cache(Path(cell.cache_dir)))
            return _measured(cell, {}) if is_prepared else _prepared_and_measured(cell)
    except BackendError as error:
        return Failure(FailureKind.REFUSED, str(error))


def _prepared_and_measured(cell: Cell) -> Outcome:
    prepared = run_in_child(steps.prepare, cell)
    if isinstance(prepared, Failure):
        return prepared
    assert isinstance(prepared, dict)
    return _measured(cell, prepared)


def _measured(cell: Cell, prepared_s: Mapping[str, float]) -> Outcome:
    outcome = until_clean(lambda: _attempt(cell), cell.measure.retry_tainted)
    phases_s = _added(prepared_s, outcome.phases_s)
    if isinstance(outcome, Failure):
        return replace(outcome, phases_s=phases_s)
    extra = {f"{name}_s": s for name, s in prepared_s.items() if name in ("build", "convert")}
    return replace(outcome, phases_s=phases_s, metrics={**extra, **outcome.metrics})


def _attempt(cell: Cell) -> Outcome:
    outcome = run_in_child(steps.measure, cell)
    assert isinstance(outcome, Measurement | Failure)
    return outcome


def _print(line: str) -> None:
    print(line, flush=True)


def _added(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    return {k: first.get(k, 0.0) + second.get(k, 0.0) for k in (*first, *second)}


def until_clean(measure: Callable[[], Outcome], retries: int) -> Outcome:
    """Measure, repeat at most ``retries`` times while tainted, and return the best attempt.

    A clean attempt is the best; else the one with the fewest exceeded limits, and of those the one
    whose median has the narrowest interval. The others become its ``attempts``. A failure ends the
    attempts and is returned only if nothing was measured.
    """
    outcomes = [measure()]
    while len(outcomes) <= retries and _is_tainted(outcomes[-1]):
        outcomes.append(measure())
    measured = [outcome for outcome in outcomes if isinstance(outcome, Measurement)]
    if not measured:
        return outcomes[0]
    best = min(measured, key=_taint)
    others = tuple(outcome for outcome in outcomes if outcome is not best)
    return replace(best, attempts=others, metrics={**best.metrics, "attempts": float(len(outcomes))})


def _is_tainted(outcome: Outcome) -> bool:
    return isinstance(outcome, Measurement) and outcome.labels.get("verdict") != CLEAN


def _taint(measured: Measurement) -> tuple[int, float]:
    low, high = (measured.metrics.get(f"latency_p50_{end}_ms") for end in ("low", "high"))
    width = float("inf") if low is None or high is None else (high - low) / measured.metrics["latency_p50_ms"]
    reasons = measured.certificate.get("reasons")
    return (len(reasons) if isinstance(reasons, list) else 0), width
