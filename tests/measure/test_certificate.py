import pytest

from perfexp.measure.certificate import CLEAN, LIMITS, TAINTED, certify
from perfexp.metrics import METRICS

QUIET = {limit.name: 0.0 for limit in LIMITS}


def test_a_quiet_run_is_clean() -> None:
    certificate = certify({**QUIET, "cpu_own": 99.0})
    assert certificate.verdict == CLEAN
    assert certificate.reasons == ()


@pytest.mark.parametrize("name", [limit.name for limit in LIMITS])
def test_each_limit_taints_alone_and_says_so(name: str) -> None:
    [limit] = [limit for limit in LIMITS if limit.name == name]
    assert certify({**QUIET, name: limit.most}).verdict == CLEAN
    broken = certify({**QUIET, name: limit.most + 7.0})
    assert broken.verdict == TAINTED
    [reason] = broken.reasons
    assert reason == f"{limit.most + 7.0:.1f} {limit.meaning} (limit {limit.most:g})"


@pytest.mark.parametrize("name", ["drift", "frequency_change", "sentinel_change"])
def test_a_change_counts_in_both_directions(name: str) -> None:
    assert certify({**QUIET, name: -60.0}).verdict == TAINTED


def test_what_is_missing_is_named_and_not_judged() -> None:
    certificate = certify({**QUIET, "cpu_pressure": None})
    assert certificate.verdict == CLEAN
    assert certificate.unavailable == ("cpu_pressure",)
    assert "cpu_pressure" not in certificate.evidence


def test_the_artifact_puts_each_value_beside_its_limit() -> None:
    tree = certify({"cpu_others": 50.0, "cpu_own": 45.0}).tree()
    assert tree["verdict"] == TAINTED
    assert tree["evidence"]["cpu_others"]["value"] == 50.0
    assert tree["evidence"]["cpu_others"]["most"] < 50.0
    assert tree["evidence"]["cpu_own"] == {"value": 45.0}


def test_all_evidence_is_in_the_table_of_metrics() -> None:
    assert set(QUIET) <= set(METRICS)
