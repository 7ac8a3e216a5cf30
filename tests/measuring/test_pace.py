from itertools import count
from math import log
from pathlib import Path
from statistics import stdev

import pytest

from perfexp.cache import Cache
from perfexp.errors import CacheError
from perfexp.measuring.pace import BestPace, PaceHistory, Probe
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
    best = BestPace(2.0, 1.0, 10)
    assert best.slowdown(Block((1.0,), Pace(2.0, 1.0), Pace(3.0, 1.0))) == 1.25
    assert best.slowdown(Block((1.0,), Pace(2.0, 1.2), Pace(2.0, 0.6))) == 1.0
    assert best.slowdown(Block((1.0,), Pace(2.0, 2.5), Pace(2.0, 2.5))) == pytest.approx(2.0)


def test_the_spread_is_that_between_moments_of_calm(tmp_path: Path) -> None:
    history = PaceHistory(Cache(tmp_path), 2)
    for minute, ms in enumerate([1.0, 1.02, 0.98, 1.01]):
        history.learn(blocks(*[ms] * 6, *[1.9] * 6), 600.0 * minute)
    assert history.best(2400.0).spread is None
    history.learn(blocks(*[0.99] * 6), 2400.0)
    expected = stdev(log(ms) for ms in (1.0, 1.02, 0.98, 1.01, 0.99))
    assert history.best(2400.0).spread == pytest.approx(expected)


def test_the_best_pace_is_the_lower_quartile_of_recent_readings(tmp_path: Path) -> None:
    history = PaceHistory(Cache(tmp_path), 2)
    assert history.best(0.0) is None
    history.learn(blocks(0.1), -20 * DAY_S)
    history.learn(blocks(*([1.0] * 10 + [1.4] * 10)), 0.0)
    best = history.best(1.0)
    assert best is not None
    assert (best.compute_ms, best.readings) == (1.0, 20)


def test_the_memory_of_a_calm_moment_is_that_beside_the_best_compute(tmp_path: Path) -> None:
    """On a host whose slow state has the faster memory, as in the recorded one."""
    history = PaceHistory(Cache(tmp_path), 2)
    history.learn([Block((), None, Pace(0.75, 1.4)), Block((), None, Pace(0.9, 0.8))] * 10, 0.0)
    assert history.best(0.0) == BestPace(0.75, 1.4, 20)


def test_other_thread_counts_have_their_own_pace(tmp_path: Path) -> None:
    PaceHistory(Cache(tmp_path), 1).learn(blocks(1.0), 0.0)
    assert PaceHistory(Cache(tmp_path), 2).best(0.0) is None


def test_blocks_without_a_probe_teach_nothing(tmp_path: Path) -> None:
    history = PaceHistory(Cache(tmp_path), 2)
    history.learn([Block((1.0,))], 0.0)
    assert history.best(0.0) is None


def test_a_clock_set_back_and_a_damaged_file_forget_readings(tmp_path: Path) -> None:
    history = PaceHistory(Cache(tmp_path), 2)
    history.learn(blocks(1.0), 100 * DAY_S)
    assert history.best(0.0) is None
    [path] = tmp_path.rglob("*.json")
    for text in ("[[1, 2", '[["a", 1]]', "7", "[[0, 1, -1]]"):
        path.write_text(text)
        assert history.best(0.0) is None
    history.learn(blocks(1.0), 0.0)
    assert history.best(0.0) == BestPace(1.0, 1.0, 1)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "pace").write_text("a file")
    with pytest.raises(CacheError, match="The host's pace cannot be kept"):
        PaceHistory(Cache(tmp_path), 2).learn(blocks(1.0), 0.0)
