"""Turn runs into fits, clusters, a variance analysis and one report.

  perfexp analyze experiment=NAME output=DIR
  perfexp analyze sweep=quick where='batch_size <= 8' allow_tainted=false

The report is one page that needs no network; it is kept in the store as well.
"""

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.analysis.spreadsheet import as_csv
from perfexp.config.options import option
from perfexp.config.schema import Accuracy, Data
from perfexp.console import say
from perfexp.phases import Phases
from perfexp.runs import query
from perfexp.store import notes
from perfexp.store.address import redacted, redacted_text
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker, open_tracker

if TYPE_CHECKING:
    import pandas as pd

    from perfexp.analysis.results import Results


@dataclass
class Config(query.RunQuery):
    """Which runs are analysed, and where the report goes."""

    data: Data | None = option(None, "null: measured runs, or published ones where there are no others")
    accuracy: Accuracy = option(Accuracy.published, "which accuracy charts show; measured: of evaluations")
    allow_tainted: bool = option(True, "use runs that were disturbed, with their wider intervals")
    allow_inexact: bool = option(False, "use runs whose outputs are beyond the tolerance of their precision")
    output: str | None = option(None, "folder of the report; null: one below tracking.root/analysis")
    title: str | None = option(None, "of the report")
    seed: int = option(0, "of the clustering and resampling")


def main(settings: Config) -> None:
    """Write the report and the run of the analysis.

    Raises:
        NothingToDo: no run matches.
    """
    stages = Phases(report=lambda name, seconds: say(f"{name:12} {seconds:6.2f} s", flush=True))
    with stages.timed("query"):
        runs = query.cells(settings, settings.data)
    with stages.timed("imports"):
        import perfexp.analysis.pipeline
        import perfexp.report  # noqa: F401
    _analyse(settings, runs, stages)


def _analyse(settings: Config, runs: "pd.DataFrame", stages: Phases) -> None:
    from perfexp import report
    from perfexp.analysis import pipeline
    from perfexp.analysis.accuracy import comparable, joined
    from perfexp.analysis.results import fitted_models, write_tables
    from perfexp.analysis.selection import select

    measured = settings.accuracy == Accuracy.measured
    evaluated = comparable(query.evaluations(settings, required=measured))
    with stages.timed("selection"):
        if measured:
            runs = joined(runs, evaluated)
        selection = select(runs, settings.allow_mixed, settings.allow_tainted, settings.allow_inexact)
    results = replace(
        pipeline.analyse(selection, settings.seed, stages.timed),
        evaluations=evaluated,
        accuracy=settings.accuracy,
    )
    root = Path(settings.tracking.root)
    tracker = open_tracker(settings.tracking.uri, root, settings.experiment)
    output = settings.folder(settings.output, "analysis")
    with stages.timed("tables"):
        paths = [("tables", path) for path in write_tables(results, output / "tables")]
        models = output / "models.json"
        models.write_text(fitted_models(results.scaling), encoding="utf-8")
    heading = report.Heading(
        title=settings.title or f"perfexp: {tracker.experiment}",
        experiment=tracker.experiment,
        command=shlex.join(["perfexp", *map(redacted_text, sys.argv[1:])]),
        source=query.source(results.runs),
        tracking_uri=redacted(settings.uri),
    )
    with stages.timed("report"):
        written = report.write(results, output, heading)
    with stages.timed("MLflow run"):
        paths += [("", written.html), ("", models), *(("figures", path) for path in written.figures)]
        run_id = tracker.write(_draft(settings, results, paths, stages.seconds))
    _print(results, written.html, tracker, run_id, stages)


def _draft(
    settings: Config,
    results: "Results",
    paths: Sequence[tuple[str, Path]],
    seconds: Mapping[str, float],
) -> RunData:
    """The analysis as a run: its numbers, its files, and which runs it used."""
    runs = results.runs
    used = as_csv(runs[["run_id", "model", "backend", "batch_size"]])
    metrics = {
        "cells": float(len(runs)),
        "left_out": float(len(results.left_out)),
        **{f"stage_{name.replace(' ', '_')}_s": value for name, value in seconds.items()},
    }
    tags = {
        "kind": "analysis",
        "runs_used": query.ids(runs, "listed in runs_used.csv"),
        "mlflow.note.content": "\n".join(f"- {notes.escaped(sentence)}" for sentence in results.findings),
    }
    asked = {
        "sweep": settings.sweep,
        "where": settings.where,
        "data": settings.data,
        "accuracy": settings.accuracy,
    }
    return RunData(
        name=f"analysis of {len(runs)} runs",
        status="FINISHED",
        started_ms=int((time.time() - sum(seconds.values())) * 1000),
        metrics=[(name, value, 0) for name, value in metrics.items()],
        params={"seed": str(settings.seed), **{k: str(v) for k, v in asked.items() if v is not None}},
        tags=tags,
        files={"runs_used.csv": used},
        paths=paths,
    )


def _print(results: "Results", html: Path, tracker: Tracker, run_id: str, stages: Phases) -> None:
    say(f"{'in all':12} {sum(stages.seconds.values()):6.2f} s\n")
    for sentence in results.findings:
        say(f"- {sentence}")
    for sentence in results.missing.values():
        say(f"- missing: {sentence}")
    say(f"\nReport:      {html}")
    say(f"MLflow run:  {run_id} in experiment {tracker.experiment!r}")
