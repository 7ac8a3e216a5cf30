"""Where a sweep's wall time goes: ``python -m benchmarks.overhead [--sweep quick] [overrides…]``.

Runs the real command in a folder of its own and reads the phases back from MLflow. What is left
of the wall time, after the model's own construction and conversion and the timed region, is
perfexp's overhead.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from perfexp import load_runs

OWN = {
    "phase_build_s": "model build",
    "phase_convert_s": "conversion",
    "phase_describe_s": "model look-up and count",
    "phase_load_s": "load",
    "phase_compile_s": "compile",
    "phase_first_inference_s": "first inference",
}
TIMED = {"phase_warmup_s": "warm-up", "phase_timed_s": "timed"}
OVERHEAD = {
    "phase_worker_start_s": "worker start",
    "phase_imports_s": "worker's imports and settings",
    "phase_rest_s": "power at rest, where energy is counted",
    "phase_pace_s": "first reading of the host's pace",
    "phase_reference_s": "reference output, once a model",
    "phase_inputs_s": "input batches",
}


def main() -> None:
    """Run the sweep and print its seconds a cell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweep", default="quick")
    arguments, overrides = parser.parse_known_args()
    command = shutil.which("perfexp", path=str(Path(sys.executable).parent)) or "perfexp"
    with tempfile.TemporaryDirectory(prefix="perfexp-overhead-") as folder:
        began_at, began = time.time(), time.perf_counter()
        subprocess.run(
            [command, "--multirun", f"sweep={arguments.sweep}", *overrides],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        wall_s = time.perf_counter() - began
        runs = load_runs(tracking_uri=f"sqlite:///{folder}/mlruns/mlflow.db")
    runs = runs.sort_values("start_time")
    worker_start = runs["phase_worker_start_s"]
    server_s = float(worker_start.iloc[0] - worker_start.median())
    start_s = runs["start_time"].iloc[0].timestamp() - began_at + server_s
    seconds = {column: float(runs[column].sum()) for column in runs if "phase_" in column}
    report(wall_s, start_s, len(runs), {**seconds, "phase_worker_start_s": worker_start.sum() - server_s})


def report(wall_s: float, start_s: float, cells: int, seconds: dict[str, float]) -> None:
    """Print each phase in seconds a cell, and the overhead."""
    table = Table(title=f"{cells} cells in {wall_s:.1f} s", title_justify="left")
    for heading in ("phase", "s a cell", "% of wall"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    named = {**OVERHEAD, **OWN, **TIMED}
    known_s = sum(seconds.get(column, 0.0) for column in named)
    rows = [(label, seconds.get(column, 0.0)) for column, label in named.items()]
    rows.append(("once: command, store, fork server", start_s))
    rows.append(("compose, logging, table and curves", wall_s - known_s - start_s))
    for label, spent_s in rows:
        table.add_row(label, f"{spent_s / cells:.3f}", f"{100 * spent_s / wall_s:.1f}")
    own_s = sum(seconds.get(column, 0.0) for column in (*OWN, *TIMED))
    Console(width=100).print(table)
    print(f"overhead: {(wall_s - own_s - start_s) / cells:.3f} s a cell, and {start_s:.1f} s once")


if __name__ == "__main__":
    main()
