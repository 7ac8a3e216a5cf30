"""Errors of predictions of held-out cells: ``python -m benchmarks.prediction [TABLE.csv …]``.

The study's table, and timm's benchmark tables given by path, are imported and validated by the real
commands; errors are printed beside those of two baselines on the same held-out cells: MACs only, and
three plain features. Of a timm table the study's 27 models are listed separately; all models but the
held-out ones are learned from.

``--own ROOT`` adds a measured sweep: the experiment ``--experiment`` of the tracking root ROOT (an
``mlruns`` folder, of which a copy is made). Its largest batch sizes are predicted twice, with and
without other models measured at them; and an active sweep is simulated by looking measurements up,
beside sweeps in random order: how many runs each takes until a held-out family is predicted as well
as by the full sweep, within 2 points.
"""

import argparse
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from perfexp.charts import learning_curve
from perfexp.config.schema import TrackingConfig
from perfexp.prediction import acquisition, data
from perfexp.prediction.model import batch_size, domain, linear
from perfexp.prediction.model.ensemble import fold
from perfexp.prediction.pool import Pool
from perfexp.runs.query import RunQuery
from perfexp.store.run_data import RunData
from perfexp.store.tracker import open_tracker

STUDY_IN_TIMM = [
    "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "resnet18",
    "resnet34", "resnet50", "resnet101", "resnet152", "densenet121", "densenet169", "densenet201",
    "densenet161", "inception_v3", "mobilenetv2_100", "mobilenetv3_large_100", "mobilenetv3_small_100",
    "resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2", "wide_resnet101_2", "mnasnet_100",
    "mnasnet_050",
]  # fmt: skip
BASELINES = (linear.MACS_ONLY, linear.PLAIN)
_FOLDS = 40


def main() -> None:
    """Import, validate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", type=Path, help="timm's benchmark-infer-*.csv")
    parser.add_argument("--folder", type=Path, default=Path("mlruns/benchmark"), help="kept, with its cache")
    parser.add_argument("--no-study", action="store_true", help="leave the study's table out")
    parser.add_argument("--own", type=Path, help="an mlruns folder with a sweep measured here")
    parser.add_argument("--experiment", default="perfexp", help="of that sweep")
    parser.add_argument("--seeds", type=int, default=3, help="random sweeps to compare the active one with")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    sources = {} if arguments.no_study else {"study": ["source=study"]}
    sources |= {path.stem: ["source=timm", f"path={path.resolve()}"] for path in arguments.tables}
    for name, source in sources.items():
        command("import", *source, f"experiment={name}", folder=arguments.folder)
        command(
            "predict",
            "validate=true",
            f"experiment={name}",
            f"output={name}",
            folder=arguments.folder,
        )
        report(name, arguments.folder)
    if arguments.own is not None:
        copy(arguments.own.resolve(), arguments.folder / "own")
        options = ("validate=true", f"experiment={arguments.experiment}", "output=own")
        command("predict", *options, folder=arguments.folder / "own")
        report(arguments.experiment, arguments.folder / "own", "own")
        cells = learned(arguments.experiment, arguments.folder / "own")
        largest(cells)
        active(cells, arguments)


def copy(root: Path, folder: Path) -> None:
    """The store and the cache, without the runs' artifacts, which stay where they are."""
    (folder / "mlruns").mkdir(parents=True, exist_ok=True)
    shutil.copy(root / "mlflow.db", folder / "mlruns" / "mlflow.db")
    shutil.copytree(root / "cache", folder / "mlruns" / "cache", dirs_exist_ok=True)
    with sqlite3.connect(folder / "mlruns" / "mlflow.db") as connection:
        new = (folder / "mlruns" / "artifacts").resolve().as_uri()
        connection.execute("UPDATE experiments SET artifact_location = ? || '/' || name", (new,))


def learned(name: str, folder: Path) -> pd.DataFrame:
    """An experiment's cells with their features."""
    root = (folder / "mlruns").resolve()
    query = RunQuery(name, tracking=TrackingConfig(f"sqlite:///{root / 'mlflow.db'}", str(root)))
    return data.cells(query, lambda _line: None).reset_index(drop=True)


def largest(cells: pd.DataFrame) -> None:
    """Print the errors at each curve's largest batch sizes, by who else was measured at them."""
    table = Table(
        title="largest batch sizes from the smaller ones; median APE / MAPE, %", title_justify="left"
    )
    for heading in ("backend", "cells", "other models measured there", "none measured there"):
        table.add_column(heading)
    for backend, own in cells.groupby("backend", observed=True):
        own = own.reset_index(drop=True)
        held = [batch_size.leave_largest(own, alone=alone) for alone in (False, True)]
        shown = [errors(one.assign(measured_ms=one["latency_ms"])) for one in held]
        table.add_row(str(backend), str(len(held[0])), *shown)
    Console(width=130).print(table)


def active(cells: pd.DataFrame, arguments: argparse.Namespace) -> None:
    """Simulate sweeps of each backend, print what they take, and log the traces as runs."""
    table = Table(title="runs until the full sweep's error + 2 points, family held out", title_justify="left")
    for heading in ("backend", "full sweep", "error, %", "active", *("random",) * arguments.seeds):
        table.add_column(heading)
    uri, root = (
        f"sqlite:///{arguments.folder.resolve()}/own/mlruns/mlflow.db",
        arguments.folder / "own" / "mlruns",
    )
    tracker = open_tracker(uri, root, arguments.experiment)
    for backend, own in cells.groupby("backend", observed=True):
        own = own.reset_index(drop=True)
        full = Pool.of(own)
        full.latency_ms[:] = own["latency_ms"]
        error = full.error_percent()
        picks = {"active": acquisition.widest(lambda _backend, pool: np.ones(len(pool.cells)))}
        picks |= {f"random {seed}": acquisition.at_random(seed) for seed in range(arguments.seeds)}
        traces = {name: simulate(own, pick, error + 2) for name, pick in picks.items()}
        counts = [f"{len(one)} ({len(one) / len(own):.0%})" for one in traces.values()]
        table.add_row(str(backend), str(len(own)), f"{error:.1f}", *counts)
        tracker.write(trace_run(str(backend), traces, len(own), error))
    Console(width=130).print(table)


def simulate(cells: pd.DataFrame, pick: acquisition.Pick, goal_percent: float) -> pd.DataFrame:
    """The trace of a sweep that looks its measurements up, with the error over all cells."""
    measured = cells["latency_ms"].to_numpy(float)
    pool = Pool.of(cells)

    def error(_pools: acquisition.Pools) -> float:
        return float(100 * np.median(np.abs(pool.by_family() / measured - 1)))

    budget = acquisition.Budget(error_percent=goal_percent)
    steps = list(
        acquisition.acquire({"": pool}, lambda _, cell: (measured[cell], 1.0), budget, pick, error, every=2)
    )
    return acquisition.trace(steps)


def trace_run(backend: str, traces: Mapping[str, pd.DataFrame], runs: int, full_percent: float) -> RunData:
    """A run of the kind ``active`` with all traces and their picture."""
    rows = pd.concat([trace.assign(sweep=name) for name, trace in traces.items()])
    known = traces["active"].dropna(subset="error_percent")
    return RunData(
        name=f"simulated sweeps on {backend}",
        status="FINISHED",
        started_ms=int(time.time() * 1000),
        metrics=[
            ("error_percent", float(error), int(step))
            for error, step in zip(known["error_percent"], known["runs"], strict=True)
        ],
        params={"backend": backend, "cells": str(runs)},
        tags={"kind": "active"},
        files={
            "trace.csv": rows.to_csv(index=False),
            "trace.png": learning_curve.png(traces, runs, full_percent),
        },
    )


def command(program: str, *arguments: str, folder: Path) -> None:
    """Run one of perfexp's commands beneath the folder."""
    found = shutil.which(program, path=str(Path(sys.executable).parent)) or program
    subprocess.run([found, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def report(name: str, folder: Path, output: str | None = None) -> None:
    """Print each backend's errors by scheme, beside the baselines'."""
    every = pd.read_csv(folder / (output or name) / "validation.csv")
    for backend, cells in learned(name, folder).groupby("backend", observed=True):
        show(name, every[every["backend"] == backend], cells.reset_index(drop=True), str(backend))


def show(name: str, held: pd.DataFrame, cells: pd.DataFrame, backend: str) -> None:
    """Print one backend's errors; of timm's tables, those of the study's models besides."""
    title = f"{name}, {backend}: {len(cells)} cells; median APE / MAPE, %"
    table = Table(title=title, title_justify="left")
    for heading in (
        "held out",
        "cells",
        "perfexp",
        *(design.name for design in BASELINES),
        "90 % intervals hold",
    ):
        table.add_column(heading)
    for scheme, own in held.groupby("scheme"):
        simple = {design.name: baseline(cells, str(scheme), design) for design in BASELINES}
        for title, chosen in (("all", None), ("the study's", STUDY_IN_TIMM)):
            rows = own if chosen is None else own[own["model"].isin(chosen)]
            if chosen is not None and (rows.empty or "published_in" not in cells or name == "study"):
                continue
            inside = rows["measured_ms"].between(rows["low_ms"], rows["high_ms"]).mean()
            others = [
                errors(one if chosen is None else one[one["model"].isin(chosen)]) for one in simple.values()
            ]
            table.add_row(f"{scheme}, {title}", str(len(rows)), errors(rows), *others, f"{inside:.1%}")
    Console(width=130).print(table)


def baseline(cells: pd.DataFrame, scheme: str, design: linear.Design) -> pd.DataFrame:
    """The same cells, predicted by one non-negative fit without what the scheme holds out."""
    if scheme == "batch":
        return cells.iloc[:0].assign(measured_ms=[], predicted_ms=[])
    groups = domain.duplicates(cells) if scheme == "model" else cells["family"].to_numpy(str)
    folds, predicted = fold(groups, _FOLDS), np.empty(len(cells))
    for left_out in np.unique(folds):
        train = cells[folds != left_out]
        fitted = linear.fit(design, train, train["latency_ms"].to_numpy(float))
        predicted[folds == left_out] = fitted.predict(cells[folds == left_out])
    return cells.assign(measured_ms=cells["latency_ms"], predicted_ms=predicted)


def errors(rows: pd.DataFrame) -> str:
    """Median and mean absolute percentage error."""
    if rows.empty:
        return "-"
    error = 100 * (rows["predicted_ms"] / rows["measured_ms"] - 1).abs()
    return f"{error.median():.1f} / {error.mean():.1f}"


if __name__ == "__main__":
    main()
