"""What belongs to a whole sweep: its name in the store, its table and its curves."""

import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.config.schema import SweepConfig
from perfexp.errors import TrackingError
from perfexp.measure.parity import BEYOND
from perfexp.outcomes import METRICS, Outcome
from perfexp.store import connection
from perfexp.store.build import curve_run
from perfexp.store.tracker import Tracker

if TYPE_CHECKING:
    from rich.console import Console


def new_id(name: str | None, now: datetime) -> str:
    """A sweep's id: its name and the second it began."""
    return f"{name or 'sweep'}-{now:%Y%m%d-%H%M%S-%f}"[:-3]


def tags(sweep: SweepConfig) -> dict[str, str]:
    """The tags that tie a run to its sweep."""
    named = {"sweep_id": sweep.id, "sweep": sweep.name or "sweep", "sweep_grid": sweep.grid}
    return {name: value for name, value in named.items() if value} if sweep.id else {}


def write_curves(tracker: Tracker, outcomes: Iterable[Outcome], sweep: SweepConfig) -> None:
    """One run for each model on each backend, with step = batch size; those of before are replaced.

    A cell whose output is beyond its precision's tolerance is left out: it is fast at something else.

    Raises:
        TrackingError: neither the store nor the spool could take them.
    """
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.has_numbers and outcome.tags.get("parity") != BEYOND:
            groups.setdefault((outcome.model, outcome.backend), []).append(outcome)
    if sweep.id:
        with suppress(TrackingError):  # a store that is gone keeps them until the sweep is resumed
            tracker.discard({"kind": "curve", "sweep_id": sweep.id})
    for (model, backend), members in groups.items():
        points = {
            member.batch_size: {k: member.metrics[k] for k in METRICS if k in member.metrics}
            for member in members
        }
        shared = {k: v for k, v in members[0].tags.items() if k in ("family", "display_name", "host")}
        tracker.keep(curve_run(model, backend, points, {**shared, **tags(sweep)}))


def print_table(outcomes: Sequence[Outcome], console: "Console") -> None:
    """The short table at the end."""
    from rich.table import Table

    table = Table(title="perfexp", title_justify="left")
    for name in ("model", "backend"):
        table.add_column(name)
    for name in ("batch", "latency ms", "images/s", "memory MB"):
        table.add_column(name, justify="right")
    for name in ("status", "verdict"):
        table.add_column(name)
    columns = (("latency_p50_ms", ".3f"), ("throughput_images_per_s", ".1f"), ("memory_peak_mb", ".1f"))
    for outcome in outcomes:
        numbers = [f"{outcome.metrics[k]:{f}}" if k in outcome.metrics else "-" for k, f in columns]
        table.add_row(
            outcome.model,
            outcome.backend,
            str(outcome.batch_size),
            *numbers,
            outcome.status,
            outcome.tags.get("verdict", "-"),
        )
    console.print(table)
    for outcome in outcomes:
        if not outcome.has_numbers:
            print(f"{outcome.status} {outcome.title}: {outcome.reason}", file=console.file)


def ui_command(tracker: Tracker, sweep: SweepConfig, outcomes: Iterable[Outcome] = ()) -> str:
    """The line that opens the MLflow UI on these runs, credentials left out.

    Where another sweep's numbers stand for a cell, the UI is not narrowed to this sweep.
    """
    words = ["perfexp", "ui"]
    if tracker.uri != connection.resolve(None, Path("mlruns")):
        words.append(f"tracking.uri={connection.redacted(tracker.uri)}")
    if tracker.experiment != connection.experiment_name(None):
        words.append(f"experiment={tracker.experiment}")
    if sweep.id and all(outcome.tags.get("sweep_id", sweep.id) == sweep.id for outcome in outcomes):
        words.append(f"sweep={sweep.id}")
    return shlex.join(words)
