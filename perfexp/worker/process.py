"""Child processes: how they start, how they report, and what their end means.

A child that raises, exits, is killed or exceeds its time limit becomes a message like any other.
"""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from types import ModuleType

from perfexp.cache import Cache
from perfexp.config.schema import Cell, Start
from perfexp.errors import PerfexpError, first_line
from perfexp.phases import Phases
from perfexp.records import Failure, FailureKind, Measurement

PRELOADED = ["torch", "torchvision", "timm", "perfexp.worker.preloaded"]
"""Modules that start no thread on import: a fork would not carry threads."""

_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "bad_alloc",
    "cannot allocate",
    "Unable to allocate",
)
_SPIN_CYCLES = "20"
"""Logarithm of the cycles for which OpenBLAS's threads wait spinning: 26 by default, which would slow down
the batches that follow a reading of the host's pace."""
Message = Measurement | Failure | dict[str, float]
Step = Callable[[Cell, Cache, Phases], object]


def run_in_child(step: Step, cell: Cell) -> Message:
    """Return the measurement of ``step`` in a clean process, or its phases' seconds if it makes none."""
    context = process_context(cell.measure.start)
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(step, cell, sender, time.time()), daemon=True)
    began = time.perf_counter()
    with _without_main():
        child.start()
    sender.close()
    try:
        wait([receiver, child.sentinel], timeout=cell.measure.time_limit_s)
        try:
            if not receiver.poll():
                raise EOFError
            message: Message = receiver.recv()
            child.join(timeout=10)
        except EOFError:
            message = verdict(child, cell)
    finally:
        if child.is_alive():
            child.kill()
            child.join()
        receiver.close()
    if isinstance(message, Failure):
        elapsed = time.perf_counter() - began
        return replace(message, phases_s={**message.phases_s, "until failure": elapsed})
    return message


def process_context(start: Start = Start.forked) -> ForkServerContext | SpawnContext:
    """Return the start method of clean processes: a server that has imported the frameworks, or spawn."""
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", _SPIN_CYCLES)
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # no module of the current directory is run
    if start is Start.forked and "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        return context
    return multiprocessing.get_context("spawn")


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep a child from importing the user's script again, which would measure once more."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def start_server() -> None:
    """Have the server of clean processes import the frameworks while this process does something else."""
    if isinstance(process_context(), ForkServerContext):
        forkserver.ensure_running()


def verdict(child: "multiprocessing.process.BaseProcess", cell: Cell) -> Failure:
    """Return why a child ended, or did not end, without a message."""
    child.join(timeout=1)
    code = child.exitcode
    if code is None:
        limit = f"{cell.measure.time_limit_s:g} s"
        message = f"The worker was stopped at its time limit of {limit}; raise measure.time_limit_s."
        return Failure(FailureKind.TIMEOUT, message)
    if code < 0:
        name = signal.Signals(-code).name
        hint = ", as the kernel does when memory runs out" if name == "SIGKILL" else ""
        return Failure(FailureKind.KILLED, f"The worker was killed by {name}{hint}.")
    return Failure(FailureKind.EXITED, f"The worker exited with code {code} before it had measured.")


def _child(step: Step, cell: Cell, sender: Connection, requested_at: float) -> None:
    """Run in the worker: one step, one message."""
    phases = Phases()
    phases.seconds["worker start"] = time.time() - requested_at

    def send_result() -> None:
        done = step(cell, Cache(Path(cell.cache_dir)), phases)
        sender.send(done if isinstance(done, Measurement) else phases.seconds)

    serve_parent(sender, phases, send_result)


def serve_parent(connection: Connection, phases: Phases, body: Callable[[], None]) -> None:
    """Run ``body`` as the whole of a child process; send an exception as a Failure; then exit."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(OSError):  # where the platform can, the kernel ends this process before its parent
        Path("/proc/self/oom_score_adj").write_text("1000")
    obey_parent()
    gc.freeze()
    try:
        body()
    except Exception as error:  # noqa: BLE001 - a process boundary: the parent decides
        connection.send(_failure(error, phases))
    connection.close()
    os._exit(0)  # the message is sent: skip the frameworks' slow teardown


def _failure(error: Exception, phases: Phases) -> Failure:
    text = str(error).strip() or type(error).__name__
    if isinstance(error, PerfexpError):
        kind, message = FailureKind.REFUSED, text
    elif isinstance(error, MemoryError) or any(word in text for word in _MEMORY_WORDS):
        kind = FailureKind.OUT_OF_MEMORY
        message = f"Memory ran out ({first_line(error)}); take a smaller batch_size."
    else:
        kind, message = FailureKind.RAISED, f"{type(error).__name__}: {first_line(error)}"
    return Failure(kind, message, traceback.format_exc(), phases_s=dict(phases.seconds))


def obey_parent(*_: object) -> None:
    """Leave Ctrl-C to the process that started this one, and end with it, however it ends.

    The kernel's parent is the fork server, which outlives a killed perfexp: it waits for its children.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        if (parent := multiprocessing.parent_process()) is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
