"""A cell measured again while its certificate is tainted, and the attempt that counts."""

from collections.abc import Callable
from dataclasses import replace

from perfexp.measure.certificate import CLEAN
from perfexp.records import Failure, Measurement

Outcome = Measurement | Failure


def until_clean(measure: Callable[[], Outcome], retries: int) -> Outcome:
    """Measure, and up to ``retries`` times more while tainted; returns the best attempt.

    The best is the clean one; where none is, the one with the fewest broken limits, and of those
    the one whose median has the narrowest interval. It carries the others as its ``attempts``.
    A failure ends the attempts and counts only if nothing was measured.
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
