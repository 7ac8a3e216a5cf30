"""What a sweep is: a grid in order, its cells' outcomes, their table and their curves."""

import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp import store
from perfexp.config import SweepConfig
from perfexp.drafts import draft_curve
from perfexp.measure.parity import BEYOND
from perfexp.tracking import Tracker

if TYPE_CHECKING:
    from rich.console import Console

FINISHED = "FINISHED"
_CURVE_METRICS = ("latency_p50_ms", "latency_per_image_ms", "throughput_images_per_s", "memory_peak_mb")


@dataclass(frozen=True)
class Outcome:
    """One line of the final table; metrics are empty unless the status is FINISHED."""

    model: str
    backend: str
    batch_size: int
    status: str
    reason: str = ""
    run_id: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Short name for progress lines and reasons."""
        return f"{self.model} {self.backend} b{self.batch_size}"


class Ledger:
    """The outcomes of one invocation, whichever process they came from."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.tracker: Tracker | None = None
        self.sweep = SweepConfig()
        self._began = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome, once."""
        if outcome not in self.outcomes:
            self.outcomes.append(outcome)

    @property
    def failed(self) -> bool:
        """Whether any cell has no measurement."""
        return any(outcome.status != FINISHED for outcome in self.outcomes)

    def progress(self, outcome: Outcome, total: int) -> str:
        """One line on the cell just ended: its place, its number, the time that is left."""
        done = len(self.outcomes)
        elapsed_s = time.monotonic() - self._began
        left_s = elapsed_s / done * (total - done)
        what = f"{outcome.metrics['latency_p50_ms']:.3f} ms" if outcome.status == FINISHED else outcome.reason
        left = f", about {_duration(left_s)} left" if done < total else ""
        return f"[{done}/{total}] {outcome.title}: {what} ({_duration(elapsed_s)}{left})"


def new_id(name: str | None, now: datetime) -> str:
    """A sweep's id: its name and the second it began."""
    return f"{name or 'sweep'}-{now:%Y%m%d-%H%M%S-%f}"[:-3]


def tags(sweep: SweepConfig) -> dict[str, str]:
    """The tags that tie a run to its sweep."""
    if sweep.id is None:
        return {}
    return {"sweep_id": sweep.id, "sweep": sweep.name or "sweep"}


def grid(choices: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Every combination as ``key=value`` overrides, the first key changing slowest."""
    return [
        tuple(f"{key}={value}" for key, value in zip(choices, values, strict=True))
        for values in product(*choices.values())
    ]


def write_curves(tracker: Tracker, outcomes: Iterable[Outcome], sweep: SweepConfig) -> None:
    """One run for each model on each backend, with step = batch size.

    A cell whose output is beyond its precision's tolerance is left out: it is fast at something else.

    Raises:
        TrackingError: the store refused.
    """
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.status == FINISHED and outcome.tags.get("parity") != BEYOND:
            groups.setdefault((outcome.model, outcome.backend), []).append(outcome)
    for (model, backend), members in groups.items():
        points = {
            member.batch_size: {k: member.metrics[k] for k in _CURVE_METRICS if k in member.metrics}
            for member in members
        }
        shared = {k: v for k, v in members[0].tags.items() if k in ("family", "display_name", "host")}
        tracker.keep(draft_curve(model, backend, points, {**shared, **tags(sweep)}))


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
        if outcome.status != FINISHED:
            print(f"{outcome.status} {outcome.title}: {outcome.reason}", file=console.file)


def ui_command(tracker: Tracker, sweep: SweepConfig) -> str:
    """The line that opens the MLflow UI on these runs, credentials left out."""
    words = ["perfexp-ui"]
    if tracker.uri != store.resolve(None, Path("mlruns")):
        words += ["--tracking-uri", store.redacted(tracker.uri)]
    if tracker.experiment != store.experiment_name(None):
        words += ["--experiment", tracker.experiment]
    if sweep.id:
        words += ["--sweep", sweep.id]
    return shlex.join(words)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
