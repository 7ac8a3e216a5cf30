"""One cell in a clean process: the only place that runs a backend.

The parent blocks on a pipe. A child that raises, exits, is killed or runs too long is a message
like any other. Children come from a fork server that has the heavy modules imported already,
where the platform has one, or are spawned where the cell asks for it or nothing else is there.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

from perfexp import backends
from perfexp.cache import Cache
from perfexp.config.schema import Cell, Start
from perfexp.errors import BackendError, PerfexpError
from perfexp.phases import Phases
from perfexp.records import Failure, FailureKind, Measurement
from perfexp.worker import attempts, device_lock, steps

PRELOADED = ["torch", "torchvision", "timm", "perfexp.worker.preloaded"]
"""Imports only, and only these: others start threads on import, which a fork does not carry."""

_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "bad_alloc",
    "cannot allocate",
    "Unable to allocate",
)

_PR_SET_PDEATHSIG = 1

Message = Measurement | Failure | dict[str, float]
Step = Callable[[Cell, Cache, Phases], Measurement | None]


def run_cell(cell: Cell) -> Measurement | Failure:
    """Measure ``cell`` in a process of its own, alone on its device.

    Never raises for what happens in there.
    """
    device = backends.create(cell.backend).physical_device()
    try:
        with device_lock.held(device, cell.measure.lock_wait_s, _say):
            return _prepared_and_measured(cell)
    except BackendError as error:
        return Failure(FailureKind.REFUSED, str(error))


def _prepared_and_measured(cell: Cell) -> Measurement | Failure:
    prepared_s: Mapping[str, float] = {}
    if not steps.is_prepared(cell, Cache(Path(cell.cache_dir))):
        done = _in_child(steps.prepare, cell)
        if isinstance(done, Failure):
            return done
        assert isinstance(done, dict)
        prepared_s = done
    outcome = attempts.until_clean(lambda: _measured(cell), cell.measure.retry_tainted)
    merged = _added(prepared_s, outcome.phases_s)
    if isinstance(outcome, Failure):
        return replace(outcome, phases_s=merged)
    extra = {f"{name}_s": s for name, s in prepared_s.items() if name in ("build", "convert")}
    return replace(outcome, phases_s=merged, metrics={**extra, **outcome.metrics})


def _measured(cell: Cell) -> Measurement | Failure:
    outcome = _in_child(steps.measure, cell)
    assert isinstance(outcome, Measurement | Failure)
    return outcome


def _say(line: str) -> None:
    print(line, flush=True)


def _added(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    return {k: first.get(k, 0.0) + second.get(k, 0.0) for k in (*first, *second)}


def _in_child(step: Step, cell: Cell) -> Message:
    context = process_context(cell.measure.start)
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(step, cell, sender, time.time()), daemon=True)
    began = time.perf_counter()
    child.start()
    sender.close()
    try:
        wait([receiver, child.sentinel], timeout=cell.measure.time_limit_s)
        message = _receive(receiver)
        if message is None:
            message = verdict(child, cell)
        else:
            child.join(timeout=10)
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
    """How clean processes start here: from the fork server where there is one, or spawned."""
    if start is Start.forked and "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        return context
    return multiprocessing.get_context("spawn")


def _receive(receiver: Connection) -> Message | None:
    try:
        if receiver.poll():
            message: Message = receiver.recv()
            return message
    except EOFError:
        pass
    return None


def verdict(child: "multiprocessing.process.BaseProcess", cell: Cell) -> Failure:
    """Why a child ended, or did not end, without a message."""
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


def _child(step: Step, cell: Cell, sender: Connection, asked_at: float) -> None:
    """Runs in the worker: one step, one message."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_first_when_memory_runs_out()
    die_with_parent()
    gc.freeze()
    phases = Phases()
    phases.seconds["worker start"] = time.time() - asked_at
    try:
        done = step(cell, Cache(Path(cell.cache_dir)), phases)
        sender.send(phases.seconds if done is None else done)
    except Exception as error:  # noqa: BLE001 - a process boundary: the parent decides
        sender.send(failure(error, phases))
    sender.close()
    os._exit(0)  # the message is out: skip the frameworks' slow teardown


def failure(error: Exception, phases: Phases) -> Failure:
    """What went wrong inside a worker, as a message to its parent."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, PerfexpError):
        kind, message = FailureKind.REFUSED, text
    elif isinstance(error, MemoryError) or any(word in text for word in _MEMORY_WORDS):
        kind = FailureKind.OUT_OF_MEMORY
        message = f"Memory ran out ({text.splitlines()[0]}); take a smaller batch_size."
    else:
        kind, message = FailureKind.RAISED, f"{type(error).__name__}: {text.splitlines()[0]}"
    return Failure(kind, message, traceback.format_exc(), phases_s=dict(phases.seconds))


def die_first_when_memory_runs_out() -> None:
    """Let the kernel choose this process, not its parent, where the platform can."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return


def die_with_parent() -> None:
    """Do not go on measuring for nobody beside the next sweep (Linux).

    The parent is the fork server, which ends with the process that it serves.
    """
    control = getattr(ctypes.CDLL(None), "prctl", None)
    if control is not None:
        control(_PR_SET_PDEATHSIG, signal.SIGKILL)
