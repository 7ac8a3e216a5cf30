"""Ctrl-C and SIGTERM: deferred in the body, and never lost."""

import os
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from perfexp import signals


def test_ctrl_c_acts_after_the_body() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), signals.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        done = True
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_body_is_its_own() -> None:
    with pytest.raises(ValueError, match="broken"), signals.deferred():
        raise ValueError("broken")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_has_no_signals_to_hold() -> None:
    seen = []

    def body() -> None:
        with signals.deferred():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


DROPPED = {
    "destructor": """
class Last:
    def __del__(self):
        act()
Last()
""",
    "collection": """
import gc
gc.callbacks.append(lambda phase, info: phase == "stop" and act())
gc.collect()
gc.callbacks.clear()
""",
    "weak reference": """
import weakref
class Last: ...
one = Last()
gone = weakref.ref(one, lambda _: act())
del one
""",
}
"""Where Python reports an exception and goes on."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("where", DROPPED)
def test_a_signal_that_arrives_where_exceptions_are_dropped_ends_the_program(where: str, number: int) -> None:
    code = f"""
import os, signal, sys, time
from perfexp import commands
from perfexp.commands import sync
signal.signal(signal.SIGINT, signal.default_int_handler)
def act():
    os.kill(os.getpid(), {int(number)})
    for _ in range(1000): pass
def main(settings):
    exec({DROPPED[where]!r}, {{"act": act}})
    print("went on", flush=True)
    time.sleep(60)
sync.main = main
sys.argv = ["perfexp", "sync"]
commands.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.stdout == "went on\n"  # so it was dropped
    assert done.returncode == 128 + number
    assert "Traceback" not in done.stderr


def test_other_errors_that_are_dropped_are_reported_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    reported = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", reported.append)
        with signals.never_lost():
            dropped = SimpleNamespace(exc_value=ValueError("broken"))
            sys.unraisablehook(dropped)
        assert sys.unraisablehook == reported.append
    assert reported == [dropped]
