"""Work done by forked processes, which share nothing that this process has opened since."""

import multiprocessing
import os
from collections.abc import Callable

_FORK = multiprocessing.get_context("fork")


def forked(action: Callable[[int], object], count: int = 1) -> list[int | None]:
    """Run ``action(number)`` in so many processes at once; their exit codes, 0 unless told."""

    def run(number: int) -> None:
        code = action(number)
        os._exit(code if isinstance(code, int) else 0)

    processes = [_FORK.Process(target=run, args=(number,)) for number in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]
