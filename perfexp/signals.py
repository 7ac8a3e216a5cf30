"""Ctrl-C and SIGTERM: never lost, and deferred while a run is written."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from perfexp.errors import Exit

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN_S = 0.05


class Terminated(SystemExit):
    """SIGTERM ended the program."""


def terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Handle SIGTERM: end the program in order."""
    raise Terminated(int(Exit.TERMINATED))


@contextmanager
def never_lost() -> Iterator[None]:
    """Send a signal again during the body if Python dropped the exception of its handler.

    A handler runs between any two instructions, in a destructor or a callback of the garbage collector too,
    whose exceptions Python only reports.
    """
    before, pending = sys.unraisablehook, list[threading.Timer]()

    def send_again(dropped: "UnraisableHookArgs") -> None:
        number = _number(dropped.exc_value)
        if number is None:
            before(dropped)
            return
        timer = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number))
        timer.daemon = True
        pending.append(timer)
        timer.start()

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = before
        for timer in pending:
            timer.cancel()


def _number(error: BaseException | None) -> signal.Signals | None:
    if isinstance(error, Terminated):
        return signal.SIGTERM
    return signal.SIGINT if isinstance(error, KeyboardInterrupt) else None


@contextmanager
def deferred() -> Iterator[None]:
    """Defer Ctrl-C and SIGTERM until the end of the body.

    An exception inside a database transaction would leave the store locked and the run unfinished.
    Only the main thread receives signals: in another one there is nothing to defer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    with handled(lambda number, _frame: received.append(number)):
        yield
    if received:
        signal.raise_signal(received[0])


@contextmanager
def handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Give Ctrl-C and SIGTERM to ``handler`` during the body."""
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
