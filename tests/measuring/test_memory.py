import sys

import numpy as np
import pytest

from perfexp.measuring import memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from Linux's /proc")


def test_peak_sees_what_was_freed() -> None:
    memory.settle()
    assert memory.reset_peak() is None
    before = memory.resident_mb()
    block = np.ones(100_000_000, dtype=np.uint8)
    del block
    memory.settle()
    assert memory.peak_mb() - before == pytest.approx(100, abs=15)
    assert memory.resident_mb() - before < 50


def test_reset_forgets_the_peak() -> None:
    block = np.ones(200_000_000, dtype=np.uint8)
    del block
    memory.settle()
    memory.reset_peak()
    assert memory.peak_mb() - memory.resident_mb() < 50
