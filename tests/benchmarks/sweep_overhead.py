"""What a sweep costs besides its measurements: ``python -m benchmarks.sweep_overhead [--stock]``.

Runs the real command over cells of the null backend, whose own time is that of five batches of
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
from statistics import fmean

import psutil
import yaml
from rich.console import Console
from rich.table import Table

from perfexp.schemas import conf_dir

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
from perfexp import schemas
schemas.register()
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
    sweep = yaml.safe_load((conf_dir() / "sweep" / "study.yaml").read_text())
    models = sweep["hydra"]["sweeper"]["params"]["model"].replace(" ", "").split(",")[: chosen.models]
    grid = (f"model={','.join(models)}", f"batch_size=range(1,{chosen.batch_sizes + 1})")
    perfexp = shutil.which("perfexp", path=str(Path(sys.executable).parent)) or "perfexp"
    report("perfexp", *trace([perfexp, "--multirun", "backend=null", *PLAN, *grid], "["))
    if chosen.stock:
        stock = [sys.executable, "-c", STOCK, str(conf_dir()), "--multirun", "hydra/sweeper=basic"]
        report(
            "Hydra's own sweeper, an empty task", *trace([*stock, "backend='null'", *PLAN, *grid], "[job]")
        )


def trace(command: Sequence[str], mark: str) -> tuple[list[float], list[float]]:
    """Run a sweep; returns the seconds since its start and its resident MB at each cell's line."""
    ends_s, resident_mb = [], []
    with tempfile.TemporaryDirectory(prefix="perfexp-overhead-") as folder:
        began = time.perf_counter()
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            watched = psutil.Process(process.pid)
            for line in process.stdout:
                if line.startswith(mark):
                    ends_s.append(time.perf_counter() - began)
                    resident_mb.append(watched.memory_info().rss / 1e6)
        if process.returncode:
            raise SystemExit(f"{command[0]} exited with code {process.returncode}")
    return ends_s, resident_mb


def report(title: str, ends_s: Sequence[float], resident_mb: Sequence[float]) -> None:
    """Print a sweep's first, middle and last tenth; the first cell's wait stands apart."""
    cells, tenth = len(ends_s), max(1, len(ends_s) // 10)
    middle = cells // 2 - tenth // 2
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    table = Table(title=f"{title}: {cells} cells in {ends_s[-1]:.0f} s, load {load}", title_justify="left")
    for heading in ("", "s a cell", "resident MB"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, start in (("first tenth", 1), ("middle tenth", middle), ("last tenth", cells - tenth)):
        end = min(start + tenth, cells) - 1
        took_s = (ends_s[end] - ends_s[start - 1]) / (end - start + 1)
        table.add_row(name, f"{took_s:.3f}", f"{fmean(resident_mb[start : end + 1]):.0f}")
    Console(width=100).print(table)
    print(f"first cell after {ends_s[0]:.1f} s; then {(ends_s[-1] - ends_s[0]) / (cells - 1):.3f} s a cell")


if __name__ == "__main__":
    main()
