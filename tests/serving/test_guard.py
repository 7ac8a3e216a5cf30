"""A server ends with the process that started it, whatever ended that."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from perfexp.serving import guard
from tests.support.servers import Server

FAMILY = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "child"])
print("up", flush=True)
time.sleep(100)
"""
PARENT = """
import subprocess, sys, time
guarded = [sys.executable, sys.argv[1], sys.executable, sys.argv[2]]
subprocess.Popen(guarded, stdin=subprocess.PIPE, start_new_session=True)
time.sleep(100)
"""


def ended(family: list[psutil.Process], timeout_s: float) -> bool:
    return psutil.wait_procs(family, timeout=timeout_s)[1] == []


def test_a_killed_parent_takes_all_processes_with_it(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(FAMILY)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, guard.__file__, str(program)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert [parent.stdout.readline() for _ in range(2)] == ["up\n", "up\n"]
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) == 3
    parent.kill()
    parent.wait()
    assert ended(family, timeout_s=10)
    parent.stdout.close()


@pytest.mark.parametrize(("code", "told"), [("raise SystemExit(3)", 3), ("os.kill(os.getpid(), 9)", 137)])
def test_the_programs_exit_code_is_the_guards(code: str, told: int) -> None:
    guarded = [sys.executable, guard.__file__, sys.executable, "-c", f"import os\n{code}"]
    with subprocess.Popen(guarded, stdin=subprocess.PIPE, start_new_session=True) as process:
        assert process.wait(timeout=30) == told


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("ends", [lambda one: os.kill(one.pid, signal.SIGKILL), lambda one: one.terminate()])
def test_mlflow_does_not_outlive_perfexp_server(
    tmp_path: Path, ends: Callable[[psutil.Process], object]
) -> None:
    made = Server(tmp_path / "kept", f"sqlite:///{tmp_path}/kept/mlflow.db")
    made.start()
    own, *family = reversed(made._members())
    assert len(family) >= 2 and own.pid == made._process.pid
    ends(own)
    made._process.communicate(timeout=30)
    assert ended(family, timeout_s=15)
