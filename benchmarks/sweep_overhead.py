"""What a sweep costs besides its measurements: ``python -m benchmarks.sweep_overhead [--stock]``.

Runs the real command over cells of the fake backend, whose own time is that of five batches of
0.1 ms, in a folder of its own: forked workers, SQLite. Printed are the seconds a cell and the
resident memory of the command in the first, the middle and the last tenth of the sweep. With
``--stock``, Hydra's own sweeper composes the same grid for a task that does nothing.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
import yaml
from rich.console import Console
from rich.table import Table

from perfexp.config.catalog import conf_dir, sweeps_dir

PLAN = (
    "measure=quick",
    "measure.warmup_s=0",
    "measure.warmup_max_s=0",
    "measure.warmup_iterations=0",
    "measure.min_s=0",
    "measure.max_iterations=5",
    "measure.input_buffers=2",
    "backend.latency_ms=0.1",
    "input_size=32",
    "input_fit=grow",
)
STOCK = """
import sys, time, hydra
from perfexp.commands import _hydra
from perfexp.config.schema import RunConfig
_hydra.register("run", RunConfig)
began = time.perf_counter()
@hydra.main(version_base="1.3", config_path=sys.argv.pop(1), config_name="run")
def task(config):
    print(f"[job] {time.perf_counter() - began}", flush=True)
task()
"""


def main() -> None:
    """Run the sweeps and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=33)
    parser.add_argument("--batch-sizes", type=int, default=42)
    parser.add_argument("--stock", action="store_true")
    chosen = parser.parse_args()
    sweep = yaml.safe_load((sweeps_dir() / "study.yaml").read_text())
    models = sweep["hydra"]["sweeper"]["params"]["model"].replace(" ", "").split(",")[: chosen.models]
    grid = (f"model={','.join(models)}", f"batch_size=range(1,{chosen.batch_sizes + 1})")
    perfexp = shutil.which("perfexp", path=str(Path(sys.executable).parent)) or "perfexp"
    report("perfexp", trace([perfexp, "--multirun", "backend=fake", *PLAN, *grid], "["))
    if chosen.stock:
        stock = [sys.executable, "-c", STOCK, str(conf_dir()), "--multirun", "hydra/sweeper=basic"]
        report(
            "Hydra's own sweeper, an empty task", *trace([*stock, "backend='fake'", *PLAN, *grid], "[job]")
        )


class Moment(NamedTuple):
    """What was read as a cell ended: seconds since the start, the command's own CPU seconds, its MB."""

    wall_s: float
    cpu_s: float
    resident_mb: float


def trace(command: Sequence[str], mark: str) -> list[Moment]:
    """Run a sweep in a folder of its own, with device locks of its own; a moment each cell's line."""
    moments = []
    with tempfile.TemporaryDirectory(prefix="perfexp-overhead-") as folder:
        began, own = time.perf_counter(), {**os.environ, "PERFEXP_LOCKS": folder}
        with subprocess.Popen(command, cwd=folder, env=own, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            watched = psutil.Process(process.pid)
            for line in process.stdout:
                if line.startswith(mark):
                    cpu, memory = watched.cpu_times(), watched.memory_info()
                    wall_s = time.perf_counter() - began
                    moments.append(Moment(wall_s, cpu.user + cpu.system, memory.rss / 1e6))
        if process.returncode:
            raise SystemExit(f"{command[0]} exited with code {process.returncode}")
    return moments


def report(title: str, moments: Sequence[Moment]) -> None:
    """Print a sweep's first, middle and last tenth; the wait for its first cell stands apart."""
    last, tenth = len(moments) - 1, max(1, len(moments) // 10)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    table = Table(title=f"{title}: {len(moments)} cells in {moments[-1].wall_s:.0f} s (load {load})")
    table.add_column("")
    for heading in ("s a cell", "of these its own CPU", "resident MB"):
        table.add_column(heading, justify="right")
    middle = (last - tenth) // 2
    for name, start in (("first tenth", 0), ("middle", middle), ("last tenth", last - tenth), ("all", 0)):
        before, after = moments[start], moments[last if name == "all" else start + tenth]
        cells = last if name == "all" else tenth
        seconds = [f"{(after[i] - before[i]) / cells:.3f}" for i in (0, 1)]
        table.add_row(name, *seconds, f"{after.resident_mb:.0f}")
    Console(width=100).print(table)
    print(f"first cell after {moments[0].wall_s:.1f} s")


if __name__ == "__main__":
    main()
