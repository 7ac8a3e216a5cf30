from dataclasses import replace
from math import exp, inf, log, sqrt
from random import Random
from statistics import geometric_mean, median

import pytest
from scipy import stats

from perfexp.config.schema import MeasureConfig
from perfexp.measuring import rounds
from perfexp.measuring.pace import OwnPace
from perfexp.measuring.round_verdict import judge
from perfexp.records import Block, Measurement, Pace

SETTINGS = MeasureConfig(percentiles=[])
OWN = OwnPace(1.0, 1.0, 100)


def a_round(*blocks: tuple[float, float], **evidence: float) -> Measurement:
    """A round of blocks of ten equal batches: latency in ms and the probe's time in ms beside them."""
    made = tuple(Block((ms,) * 10, Pace(pace, 1.0), Pace(pace, 1.0)) for ms, pace in blocks)
    samples = tuple(ms for block in made for ms in block.samples_ms)
    return Measurement(
        metrics={"latency_p50_ms": median(samples), "memory_peak_mb": 100 * samples[0], **evidence},
        absent={},
        samples_ms=samples,
        warmup_ms=(),
        effective={},
        labels={"parity": "ok"},
        environment={},
        phases_s={"timed": 1.0},
        blocks=made,
    )


def combined(*measured: Measurement, settings: MeasureConfig = SETTINGS, own: OwnPace | None = OWN):
    return rounds.combine(judge(measured, settings, own), 2, settings)


def test_slow_blocks_are_kept_but_not_told() -> None:
    found = combined(a_round((4.0, 1.0), (6.0, 1.4)), a_round((4.0, 1.0)), a_round((4.0, 1.05)))
    assert found.metrics["latency_p50_ms"] == pytest.approx(4.0)
    assert found.metrics["throughput_images_per_s"] == pytest.approx(500.0)
    assert found.metrics["latency_per_image_ms"] == pytest.approx(2.0)
    assert found.samples_ms == pytest.approx((4.0,) * 30)
    assert found.metrics["latency_observed_ms"] == 4.0
    assert found.metrics["calm_blocks"] == 75.0
    assert 6.0 in found.rounds[0].samples_ms
    assert found.labels["verdict"] == "clean"


def test_a_cell_without_a_calm_block_is_tainted_and_its_interval_reaches_to_the_calm_pace() -> None:
    found = combined(*[a_round((4.0, 1.37))] * 3)
    assert found.labels["verdict"] == "tainted"
    assert found.labels["taint"] == "this host ran 37 % slower than its own pace"
    assert found.metrics["latency_p50_low_ms"] < 4.0 / 1.37 < 4.0 < found.metrics["latency_p50_high_ms"]
    assert found.metrics["host_slowdown"] == pytest.approx(37.0)
    found = combined(*[a_round((4.0, 0.8))] * 3)
    assert found.labels["taint"] == "this host ran 20 % faster than its own pace"
    assert found.metrics["latency_p50_low_ms"] < 4.0 < 4.0 / 0.8 < found.metrics["latency_p50_high_ms"]


def test_a_disturbed_round_does_not_count() -> None:
    found = combined(a_round((4.0, 1.0)), a_round((9.0, 1.0), cpu_others=40.0), a_round((4.0, 1.0)))
    assert found.metrics["latency_p50_ms"] == pytest.approx(4.0)
    assert (found.metrics["rounds"], found.metrics["rounds_counted"]) == (3.0, 2.0)
    assert found.labels["verdict"] == "clean"
    assert "40.0 % of the usable CPUs' time" in found.certificate["rounds"][1]["reasons"][0]


def test_a_host_of_unknown_pace_uses_every_block() -> None:
    found = combined(*[a_round((4.0, 1.0), (4.1, 1.4))] * 3, own=None)
    assert found.labels["verdict"] == "clean"
    assert "calm_blocks" not in found.metrics


def test_other_metrics_are_those_of_the_middle_round() -> None:
    found = combined(*[a_round((ms, 1.0)) for ms in (4.0, 4.1, 4.3)])
    assert found.metrics["memory_peak_mb"] == pytest.approx(410.0)
    assert found.phases_s == {"timed": 3.0}


def test_one_round_tells_of_one_moment() -> None:
    one = MeasureConfig(percentiles=[], rounds=1, max_rounds=1)
    found = combined(a_round((4.0, 1.0)), settings=one)
    assert found.labels["interval"] == "one moment"
    assert found.metrics["latency_p50_low_ms"] == found.metrics["latency_p50_high_ms"] == 4.0


def test_a_pace_of_few_readings_is_told() -> None:
    assert "pace" not in combined(a_round((4.0, 1.0))).labels
    assert (
        combined(a_round((4.0, 1.0)), own=OwnPace(1.0, 1.0, 9)).labels["pace"].startswith("new: 9 readings")
    )


def test_rounds_that_fall_into_two_groups_are_both_told() -> None:
    found = combined(*[a_round((ms, 1.0)) for ms in (4.0, 4.02, 5.6, 5.5)])
    assert found.labels["modes"] == "4.010 ms (2 rounds) and 5.550 ms (2 rounds)"
    assert rounds.modes([4.0, 4.3, 4.6]) is None
    assert rounds.modes([4.0, 8.0]) is None


def test_the_interval_is_students_where_rounds_are_many() -> None:
    random = Random(3)
    medians = [10 * (1 + random.gauss(0, 0.02)) for _ in range(400)]
    logs = [log(ms) for ms in medians]
    expected = stats.t.interval(0.95, 399, loc=sum(logs) / 400, scale=sqrt(2) * stats.sem(logs))
    assert [log(end) for end in rounds.interval(medians, 0.0)] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("spread", "count"), [(0.02, 3), (0.02, 5), (0.005, 3), (0.05, 5)])
def test_intervals_hold_the_other_sweeps_medians(spread: float, count: int) -> None:
    """The benchmark asks for 85 % of the pairs, and 95 is meant, where rounds differ by chance alone."""
    random = Random(1)
    inside = 0
    for _ in range(2000):
        mine, other = ([10 * (1 + random.gauss(0, spread)) for _ in range(count)] for _ in range(2))
        low, high = rounds.interval(mine, 0.0)
        inside += low <= geometric_mean(other) <= high
    assert inside / 2000 >= (0.94 if spread <= 0.02 else 0.85)


def test_precision_needs_two_rounds_that_count() -> None:
    disturbed = a_round((9.0, 1.0), cpu_others=40.0)
    assert rounds.half_width(judge([a_round((4.0, 1.0)), disturbed], SETTINGS, OWN)) == inf
    equal = rounds.half_width(judge([a_round((4.0, 1.0))] * 2, SETTINGS, OWN))
    freedom = 4
    half = stats.t.ppf(0.975, freedom) * sqrt(3 * 0.02**2 / freedom)
    assert equal == pytest.approx(exp(half) - 1)


def test_beyond_tolerance_in_any_round_is_told() -> None:
    wrong = replace(a_round((4.0, 1.0)), labels={"parity": "beyond tolerance"})
    assert combined(a_round((4.0, 1.0)), wrong).labels["parity"] == "beyond tolerance"


def test_the_interval_holds_what_moves_between_moments() -> None:
    random = Random(2)
    inside = 0
    for _ in range(2000):
        hours = [random.gauss(0, 0.02) for _ in range(2)]
        mine, other = ([10 * (1 + hour + random.gauss(0, 0.02)) for _ in range(3)] for hour in hours)
        low, high = rounds.interval(mine, 0.02)
        inside += low <= geometric_mean(other) <= high
    assert inside / 2000 >= 0.94


def test_a_steady_host_has_narrower_intervals() -> None:
    def of(own: OwnPace | None, *began_s: float) -> float:
        taken = [replace(a_round((4.0, 1.0)), began_s=at) for at in began_s or (0.0,)]
        return rounds.between_moments(judge(taken, SETTINGS, own))

    assert of(None) == of(OWN) == of(OWN, 0.0, 30.0, 60.0) == 0.05
    assert of(OwnPace(1.0, 1.0, 100, spread=0.004)) == 0.008
    assert 0 < of(OwnPace(1.0, 1.0, 100, spread=0.0)) < 0.008
    assert of(OwnPace(1.0, 1.0, 100, spread=1.0)) == 0.1
    assert of(OWN, 0.0, 300.0, 600.0, 900.0) == pytest.approx(0.025)
