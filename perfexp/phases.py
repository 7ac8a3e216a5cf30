"""Where wall time goes: named seconds, added up."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Phases:
    """Seconds per phase; the clock is given so that tests can inject one."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the body's wall time to phase ``name``."""
        start = self._clock()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + self._clock() - start
