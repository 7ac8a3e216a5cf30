"""Is a number found again? ``python -m benchmarks.repeatability [--sweeps 12] [--every 210]``.

The same sweep of eight cells is made again and again, in turn by rounds (the default protocol), by one
process a cell with the first release's stop rule, and by rounds beside a planted neighbour, which keeps
all processors busy 30 s in every 75. The unit is the sweep: the share of the other sweeps' medians inside
one sweep's interval, and the coefficient of variation (CV) of the medians.
"""

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from perfexp import load_runs
from perfexp.environment import cpu_name, usable_cpus

SWEEP = ("model=resnet18,mobilenet_v2", "backend=torch,openvino", "batch_size=1,8", "input_size=128")
ONE_PROCESS = (
    *("measure.rounds=1", "measure.max_rounds=1", "measure.round_pause_s=0"),
    *("measure.rel_half_width=0.02", "measure.min_s=0.5", "measure.calm_within=null"),
)
METHODS = {"rounds": (), "one process": ONE_PROCESS, "rounds, neighbour": ()}
_ON_S, _PERIOD_S = 30.0, 75.0
_CELL = ["model", "backend", "batch_size"]
_CONSOLE = Console(width=120)


def main() -> None:
    """Make the sweeps, then print what was found again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=12, help="by each method")
    parser.add_argument("--every", type=float, default=210.0, help="seconds from one turn to the next")
    parser.add_argument("--keep", type=Path, help="folder that keeps the store and the runs as CSV")
    options = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}, {cpu_name()}, {len(usable_cpus())} CPUs", flush=True)
    with tempfile.TemporaryDirectory(prefix="perfexp-repeatability-") as made:
        folder = options.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        took_s = _sweep_all(folder, options.sweeps, options.every)
        runs = {name: runs_of(folder, name) for name in METHODS}
    if options.keep:
        pd.concat([frame.assign(method=name) for name, frame in runs.items()]).to_csv(folder / "runs.csv")
    summary(runs)
    print(
        "; ".join(f"{name}: {pd.Series(seconds).median():.0f} s a sweep" for name, seconds in took_s.items())
    )


def summary(runs: dict[str, pd.DataFrame]) -> None:
    """Print the table, and how many runs of each method are tainted and why."""
    _CONSOLE.print(_table(runs))
    for name, frame in runs.items():
        print(f"{name}: {_share_tainted(frame):.0f} % tainted; {_reasons(frame)}")


def _sweep_all(folder: Path, count: int, every_s: float) -> dict[str, list[float]]:
    """Make all sweeps, in alternating order; return the seconds that each took."""
    took_s: dict[str, list[float]] = {name: [] for name in METHODS}
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number * every_s - time.monotonic()))
        for name in list(METHODS)[:: 1 if number % 2 else -1]:
            with _neighbour("neighbour" in name, phase_s=17.0 * number % _PERIOD_S):
                took_s[name].append(_sweep(folder, name))
        print(f"turn {number + 1} of {count} after {(time.monotonic() - began) / 60:.0f} min", flush=True)
    return took_s


def _sweep(folder: Path, name: str) -> float:
    start = time.monotonic()
    words = [f"experiment={_experiment(name)}", f"tracking.root={folder}/mlruns", "sweep.rerun=all"]
    program = "from perfexp.commands import main; main()"
    command = [sys.executable, "-c", program, "--multirun", *SWEEP, *METHODS[name], *words]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def _experiment(name: str) -> str:
    return name.replace(",", "").replace(" ", "_")


def runs_of(folder: Path, name: str) -> pd.DataFrame:
    """Return the runs of one method's sweeps."""
    uri = f"sqlite:///{folder}/mlruns/mlflow.db"
    return load_runs(_experiment(name), tracking_uri=uri, kind=["cell", "superseded"])


def coverage(medians: Sequence[float], lows: Sequence[float], highs: Sequence[float]) -> float:
    """Return the share in percent of the ordered pairs in which one's median lies in another's interval."""
    pairs = list(permutations(range(len(medians)), 2))
    inside = sum(lows[i] <= medians[j] <= highs[i] for i, j in pairs)
    return 100 * inside / len(pairs) if pairs else float("nan")


def _table(runs: dict[str, pd.DataFrame]) -> Table:
    """One line a cell and method, of its clean runs; then the median and the worst cell."""
    table = Table(title="found again (clean runs)", title_justify="left")
    for heading in ("cell", "method", "runs", "clean", "median ms", "CV %", "± %", "coverage %"):
        table.add_column(heading, justify="left" if heading in ("cell", "method") else "right")
    for method, frame in runs.items():
        rows = []
        for cell, group in frame.groupby(_CELL, observed=True):
            sound = group[group["verdict"] == "clean"]
            medians = sound["latency_p50_ms"]
            low, high = sound["latency_p50_low_ms"], sound["latency_p50_high_ms"]
            cv, width = 100 * medians.std() / medians.mean(), 50 * ((high - low) / medians).median()
            covered = coverage(medians.to_list(), low.to_list(), high.to_list())
            rows.append((cv, covered))
            name = " ".join(map(str, cell))
            table.add_row(
                *(name, method, str(len(group)), str(len(sound)), f"{medians.median():.3f}"),
                *(f"{cv:.1f}", f"{width:.1f}", f"{covered:.0f}"),
            )
        cvs, shares = zip(*rows, strict=True)
        summary = f"CV {pd.Series(cvs).median():.1f} in the median cell, {max(cvs):.1f} in the worst"
        table.add_row(f"all: {summary}", method, "", "", "", "", "", f"{pd.Series(shares).mean():.0f}")
    return table


def _share_tainted(frame: pd.DataFrame) -> float:
    return 100 * float((frame["verdict"] == "tainted").mean())


def _reasons(frame: pd.DataFrame) -> str:
    found = frame.get("taint", pd.Series(dtype=object)).dropna()
    return "; ".join(sorted(set(found))[:3]) or "no reasons"


def _busy(phase_s: float) -> None:
    time.sleep(phase_s)
    while True:
        end = time.monotonic() + _ON_S
        while time.monotonic() < end:
            pass
        time.sleep(_PERIOD_S - _ON_S)


@contextmanager
def _neighbour(wanted: bool, phase_s: float) -> Iterator[None]:
    """Keep as many processes busy as there are processors, now and then."""
    count = len(usable_cpus()) if wanted else 0
    processes = [multiprocessing.Process(target=_busy, args=(phase_s,), daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()


if __name__ == "__main__":
    main()
