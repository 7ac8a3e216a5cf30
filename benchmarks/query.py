"""How long a large store takes to read: ``python -m benchmarks.query [--runs 50000] [--no-rival]``.

Makes two stores of the same runs, one in SQLite and one in a PostgreSQL of its own, and reads each
by ``load_runs`` and by ``mlflow.search_runs``; every reading has a process to itself.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from perfexp import load_runs
from perfexp.store.run_data import RunData
from perfexp.store.tracker import open_tracker
from tests.support import servers

METRICS, PARAMS, TAGS = 25, 30, 15
AT_ONCE = 10_000
NEEDED = (
    "model", "backend", "batch_size", "latency_p50_ms", "throughput_images_per_s", "memory_peak_mb",
    "params", "macs", "host",
)  # fmt: skip
OWN_METRICS = ("latency_p50_ms", "throughput_images_per_s", "memory_peak_mb", "params", "macs")
OWN_TAGS = ("kind", "host", "sweep_id", "sweep", "cell_key", "family", "model")


def drafts(first: int, count: int) -> Iterator[RunData]:
    """Runs of 25 metrics, 30 parameters and 15 tags; their values differ as in a real sweep."""
    for n in range(first, first + count):
        model = f"model_{n % 1000}"
        metrics = [(name, float(n + 1), 0) for name in OWN_METRICS]
        metrics += [(f"metric_{i}", n / (i + 3), 0) for i in range(METRICS - len(OWN_METRICS))]
        params = {"model.name": model, "backend.name": ("torch", "openvino")[n % 2]}
        params |= {"batch_size": str(2 ** (n % 7))}
        params |= {f"choice.{i}": f"value {(n * i) % 50}" for i in range(PARAMS - len(params))}
        values = ("cell", "here", f"sweep-{n // 1386}", "sweep", f"{n:016x}", f"family {n % 40}", model)
        tags = dict(zip(OWN_TAGS, values, strict=True))
        tags |= {f"version.{i}": f"{i}.0.{n % 3}" for i in range(TAGS - len(tags))}
        yield RunData(f"{model} b{n}", "FINISHED", 1_700_000_000_000 + n, metrics, params, tags)


def fill(uri: str, root: Path, runs: int) -> float:
    """Write the runs; returns the seconds that it took."""
    began = time.perf_counter()
    tracker = open_tracker(uri, root, "perfexp")
    for first in range(0, runs, AT_ONCE):
        tracker.write_all(list(drafts(first, min(AT_ONCE, runs - first))))
    open_tracker(uri, root, "small").write_all(list(drafts(0, 1000)))
    return time.perf_counter() - began


def by_mlflow(uri: str, columns: Sequence[str] | None) -> int:
    """What MLflow itself offers; it reads all columns, whichever are wanted."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    return len(mlflow.search_runs(experiment_names=["perfexp"], max_results=10**6))


READINGS: dict[str, Callable[[str], int]] = {
    "load_runs, 9 columns": lambda uri: len(load_runs(columns=NEEDED, tracking_uri=uri)),
    "load_runs, all columns": lambda uri: len(load_runs(tracking_uri=uri)),
    "load_runs, one sweep of 1386": lambda uri: len(load_runs(sweep="sweep-3", tracking_uri=uri)),
    "load_runs, another experiment of 1000": lambda uri: len(load_runs("small", tracking_uri=uri)),
    "load_runs, where backend == 'torch'": lambda uri: len(
        load_runs(where="backend == 'torch'", columns=NEEDED, tracking_uri=uri)
    ),
    "mlflow.search_runs": lambda uri: by_mlflow(uri, None),
}


def read(reading: str) -> None:
    """In a process of its own: one reading, as JSON."""
    import mlflow
    import pandas

    assert mlflow and pandas  # their import is no part of a reading
    began, cpu_began = time.perf_counter(), time.process_time()
    rows = READINGS[reading](os.environ["BENCHMARK_STORE"])
    found = {"s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu_began}
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"rows": rows, **found, "peak_mb": peak_mb}))


def measured(uri: str, reading: str) -> dict[str, float]:
    """One reading, run by a new process; the address is not on its command line."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.query", "--read", reading],
        env={**os.environ, "BENCHMARK_STORE": uri},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(store: str, uri: str, readings: Sequence[str]) -> None:
    """Read a store in each way and print seconds, peak memory and the ratio to MLflow's own."""
    results = {reading: measured(uri, reading) for reading in readings}
    rival = results.get("mlflow.search_runs")
    table = Table(title=f"{store}, load average {os.getloadavg()[0]:.1f}", title_justify="left")
    for heading in ("reading", "rows", "s", "CPU s", "peak MB", "times faster"):
        table.add_column(heading, justify="left" if heading == "reading" else "right")
    for reading, found in results.items():
        ratio = f"{rival['s'] / found['s']:.1f}" if rival else "-"
        seconds = [f"{found[name]:.2f}" for name in ("s", "cpu_s")]
        table.add_row(reading, f"{found['rows']}", *seconds, f"{found['peak_mb']:.0f}", ratio)
    Console(width=100).print(table)


def main() -> None:
    """Make both stores, read each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--runs", type=int, default=50_000)
    add("--store", choices=["sqlite", "postgresql"], nargs="*", default=["sqlite", "postgresql"])
    add("--no-rival", action="store_true", help="leave mlflow.search_runs out, which takes minutes")
    add("--read", choices=list(READINGS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        return read(options.read)
    readings = [each for each in READINGS if not (options.no_rival and "mlflow" in each)]
    with tempfile.TemporaryDirectory(prefix="perfexp-query-") as folder, servers.postgres() as database:
        uris = {"sqlite": f"sqlite:///{folder}/mlflow.db", "postgresql": database.add_database("query")}
        for store in options.store:
            filled_s = fill(uris[store], Path(folder), options.runs)
            print(f"{store}: {options.runs} runs and 1000 others written in {filled_s:.0f} s", flush=True)
            report(store, uris[store], readings)
    return None


if __name__ == "__main__":
    main()
