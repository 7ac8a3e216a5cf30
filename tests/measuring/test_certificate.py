import pytest

from perfexp.measuring.certificate import LIMITS, limits, reasons
from perfexp.metrics import METRICS

QUIET = {limit.name: 0.0 for limit in LIMITS}


def test_a_quiet_machine_gives_no_reason() -> None:
    assert reasons({**QUIET, "cpu_own": 99.0}) == ()


@pytest.mark.parametrize("name", [limit.name for limit in LIMITS])
def test_each_limit_is_a_reason_of_its_own(name: str) -> None:
    [limit] = [limit for limit in LIMITS if limit.name == name]
    assert reasons({**QUIET, name: limit.most}) == ()
    [reason] = reasons({**QUIET, name: limit.most + 7.0})
    assert reason == f"{limit.most + 7.0:.1f} {limit.meaning} (limit {limit.most:g})"


@pytest.mark.parametrize("name", ["drift", "frequency_change"])
def test_a_change_counts_in_both_directions(name: str) -> None:
    assert len(reasons({**QUIET, name: -60.0})) == 1


def test_what_is_not_counted_is_not_judged() -> None:
    assert reasons({}) == ()


def test_every_limit_has_a_reason_and_a_metric() -> None:
    assert set(limits()) <= set(METRICS)
    assert all(limit["why"] for limit in limits().values())
