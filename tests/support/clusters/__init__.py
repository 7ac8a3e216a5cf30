"""Two-node clusters on loopback, started and stopped by the tests."""

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], within_s: float = 90.0) -> None:
    """Wait for ``condition``.

    Raises:
        TimeoutError: it did not come true.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:g} s: {condition}")
        time.sleep(0.1)
