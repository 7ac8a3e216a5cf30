"""Wall time by phase."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Phases:
    """Seconds per phase, read from ``clock``; ``report`` receives name and seconds as a phase ends."""

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        report: Callable[[str, float], None] = lambda _name, _seconds: None,
    ) -> None:
        self._clock, self._report = clock, report
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the wall time of the body to phase ``name``."""
        start = self._clock()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + self._clock() - start
            self._report(name, self.seconds[name])
