from itertools import count
from math import log
from pathlib import Path
from statistics import stdev

import pytest

from perfexp.cache import Cache
from perfexp.errors import CacheError
from perfexp.measuring.pace import OwnPace, PaceHistory, Probe, is_own
from perfexp.records import Block, Pace

DAY_S = 86400.0


def blocks(*compute_ms: float) -> list[Block]:
    return [Block((1.0,), Pace(ms, 1.0), Pace(ms, 1.0)) for ms in compute_ms]


def test_a_reading_is_the_median_of_each_kernel() -> None:
    ticks = count(step=1_000_000)
    assert Probe(1, lambda: next(ticks))() == Pace(1.0, 1.0)


def test_real_kernels_take_real_time() -> None:
    read = Probe(1)()
    assert 0 < read.compute_ms < 1000 and 0 < read.memory_ms < 1000


def test_a_block_is_as_slow_as_the_readings_beside_it() -> None:
    own = OwnPace(2.0, 1.0, 10)
    assert own.slowdown(Block((1.0,), Pace(2.0, 1.0), Pace(3.0, 1.0))) == 1.25
    assert own.slowdown(Block((1.0,), Pace(2.0, 1.2), Pace(2.0, 0.6))) == 1.0
    assert own.slowdown(Block((1.0,), Pace(2.0, 2.5), Pace(2.0, 2.5))) == pytest.approx(2.0)
    assert own.slowdown(Block((1.0,), Pace(1.6, 1.0), Pace(1.6, 1.0))) == pytest.approx(0.8)
    assert own.slowdown(Block((1.0,), Pace(2.0, 0.4), Pace(2.0, 0.4))) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("compute_ms", "memory_ms", "held"),
    [
        (2.1, 1.0, True),
        (2.3, 1.0, False),
        (1.7, 1.0, False),
        (2.0, 1.3, True),
        (2.0, 1.5, False),
        (2.0, 0.6, False),
    ],
)
def test_a_block_counts_in_the_hosts_own_state_and_in_no_faster_one(
    compute_ms: float, memory_ms: float, held: bool
) -> None:
    read = Pace(compute_ms, memory_ms)
    assert is_own(OwnPace(2.0, 1.0, 10).slowdown(Block((1.0,), read, read)), within=0.1) is held


def test_the_spread_is_that_between_moments_of_the_hosts_own_state(tmp_path: Path) -> None:
    history = PaceHistory(Cache(tmp_path), 2)
    for minute, ms in enumerate([1.0, 1.02, 0.98, 1.01]):
        history.learn(blocks(*[ms] * 6, *[1.9] * 6), 600.0 * minute)
    assert history.own(2400.0).spread is None
    history.learn(blocks(*[0.99] * 6), 2400.0)
    expected = stdev(log(ms) for ms in (1.0, 1.02, 0.98, 1.01, 0.99))
    assert history.own(2400.0).spread == pytest.approx(expected)


@pytest.mark.parametrize(
    ("counts", "own_ms"),
    [
        ({1.0: 10, 1.4: 10}, 1.0),
        ({1.0: 6, 1.4: 10}, 1.0),  # rarer, but faster
        ({1.0: 4, 1.4: 10}, 1.4),  # a lucky moment
        ({0.7: 1, 1.0: 10, 1.02: 10, 1.04: 10, 1.2: 3, 1.5: 3, 2.2: 3}, 1.02),
        ({1.0: 1}, 1.0),
    ],
)
def test_the_own_pace_is_that_of_the_fastest_common_state(
    tmp_path: Path, counts: dict[float, int], own_ms: float
) -> None:
    history = PaceHistory(Cache(tmp_path), 2)
    assert history.own(0.0) is None
    history.learn(blocks(0.1), -20 * DAY_S)
    read = [ms for ms, count in counts.items() for _ in range(count)]
    history.learn(blocks(*read), 0.0)
    own = history.own(1.0)
    assert own is not None
    assert (own.compute_ms, own.readings) == (own_ms, len(read))


def test_the_memory_of_the_own_state_is_that_beside_its_compute(tmp_path: Path) -> None:
    """On a host whose slow state has the faster memory, as in the recorded one."""
    history = PaceHistory(Cache(tmp_path), 2)
    history.learn([Block((), None, Pace(0.75, 1.4)), Block((), None, Pace(0.9, 0.8))] * 10, 0.0)
    assert history.own(0.0) == OwnPace(0.75, 1.4, 20)


def test_other_thread_counts_have_their_own_pace(tmp_path: Path) -> None:
    PaceHistory(Cache(tmp_path), 1).learn(blocks(1.0), 0.0)
    assert PaceHistory(Cache(tmp_path), 2).own(0.0) is None


def test_blocks_without_a_probe_teach_nothing(tmp_path: Path) -> None:
    history = PaceHistory(Cache(tmp_path), 2)
    history.learn([Block((1.0,))], 0.0)
    assert history.own(0.0) is None


def test_a_clock_set_back_and_a_damaged_file_forget_readings(tmp_path: Path) -> None:
    history = PaceHistory(Cache(tmp_path), 2)
    history.learn(blocks(1.0), 100 * DAY_S)
    assert history.own(0.0) is None
    [path] = tmp_path.rglob("*.json")
    for text in ("[[1, 2", '[["a", 1]]', "7", "[[0, 1, -1]]"):
        path.write_text(text)
        assert history.own(0.0) is None
    history.learn(blocks(1.0), 0.0)
    assert history.own(0.0) == OwnPace(1.0, 1.0, 1)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "pace").write_text("a file")
    with pytest.raises(CacheError, match="The host's pace cannot be kept"):
        PaceHistory(Cache(tmp_path), 2).learn(blocks(1.0), 0.0)
