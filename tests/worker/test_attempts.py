from perfexp.records import Failure, FailureKind, Measurement
from perfexp.worker.attempts import until_clean


def measured(latency: float, reasons: int, width: float = 0.1) -> Measurement:
    return Measurement(
        metrics={
            "latency_p50_ms": latency,
            "latency_p50_low_ms": latency * (1 - width / 2),
            "latency_p50_high_ms": latency * (1 + width / 2),
        },
        absent={},
        samples_ms=(latency,) * 3,
        warmup_ms=(),
        effective={},
        labels={"verdict": "tainted" if reasons else "clean"},
        environment={},
        phases_s={},
        certificate={"reasons": ["noise"] * reasons},
    )


def run(*outcomes: Measurement | Failure, retries: int):
    left = list(outcomes)
    best = until_clean(lambda: left.pop(0), retries)
    return best, len(outcomes) - len(left)


def test_a_clean_first_attempt_is_the_only_one() -> None:
    best, used = run(measured(1.0, 0), measured(2.0, 0), retries=3)
    assert used == 1
    assert best.metrics["attempts"] == 1
    assert best.attempts == ()


def test_no_retry_is_made_unless_asked_for() -> None:
    best, used = run(measured(1.0, 2), measured(2.0, 0), retries=0)
    assert (used, best.metrics["latency_p50_ms"]) == (1, 1.0)


def test_the_first_clean_attempt_counts_and_the_others_are_kept() -> None:
    best, used = run(measured(9.0, 3), measured(8.0, 1), measured(5.0, 0), measured(4.0, 0), retries=5)
    assert used == 3
    assert best.metrics["latency_p50_ms"] == 5.0
    assert best.metrics["attempts"] == 3
    assert [attempt.metrics["latency_p50_ms"] for attempt in best.attempts] == [9.0, 8.0]
    assert best.attempts[0].samples_ms == (9.0, 9.0, 9.0)


def test_without_a_clean_one_fewest_reasons_then_the_narrowest_interval_count() -> None:
    attempts = (measured(1.0, 3, 0.01), measured(2.0, 1, 0.5), measured(3.0, 1, 0.2))
    best, _ = run(*attempts, retries=2)
    assert best.metrics["latency_p50_ms"] == 3.0


def test_a_failed_retry_is_kept_beside_what_was_measured() -> None:
    best, used = run(measured(1.0, 1), Failure(FailureKind.KILLED, "It died."), retries=4)
    assert used == 2
    assert isinstance(best, Measurement)
    assert best.attempts == (Failure(FailureKind.KILLED, "It died."),)


def test_a_cell_that_fails_is_a_failure() -> None:
    best, used = run(Failure(FailureKind.KILLED, "It died."), measured(1.0, 0), retries=4)
    assert used == 1
    assert isinstance(best, Failure)
