"""Turn a published table into runs, each line once.

  perfexp import source=study
  perfexp import source=timm path=FOLDER
  perfexp import source=csv path=FILE source.latency_column=ms source.batch_size_column=batch

Importing again adds nothing; lines that hold no measurement are named and skipped.
"""

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from perfexp.cache import Cache
from perfexp.config.options import option
from perfexp.config.schema import TrackingConfig
from perfexp.console import say
from perfexp.errors import ConfigError
from perfexp.plugins import TABLES
from perfexp.published import _runs
from perfexp.published.base import Broken, Row, Source, SourceConfig
from perfexp.runs import load
from perfexp.store import connection
from perfexp.store.address import redacted
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker, open_tracker

_BROKEN_SHOWN = 20
NEEDS_ARGUMENTS = True


@dataclass
class Config:
    """A published table, and the experiment that its rows go into."""

    source: SourceConfig = option(
        MISSING, "layout of the table, such as study, timm, csv, optimum", plugins=TABLES
    )
    path: str | None = option(None, "file or folder of the table")
    experiment: str | None = option(None, "MLflow experiment; null: published-TABLE")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


@dataclass(frozen=True)
class Imported:
    """What became of a table: runs written, runs there before, lines that hold no measurement."""

    drafts: Sequence[RunData]
    known: int
    broken: Sequence[Broken]
    seconds: float


def main(settings: Config) -> None:
    """Write the lines that the experiment does not hold yet.

    Raises:
        ConfigError: the table cannot be read, has other columns, or holds no measurement.
    """
    path = Path(settings.path).expanduser() if settings.path else None
    source: Source = TABLES.find(settings.source.name)(settings.source)
    name = connection.experiment_name(settings.experiment, f"published-{source.title(path)}")
    began = time.perf_counter()
    rows, broken = _read(source, path)
    root = Path(settings.tracking.root)
    tracker = open_tracker(settings.tracking.uri, root, name)
    title, now_ms = source.title(path), int(time.time() * 1000)
    new = _new(tracker, {_runs.key(row, title): row for row in rows})
    drafts = [
        _runs.published_run(row, key, title, source.citation, now_ms)
        for key, row in _runs.with_facts(new, Cache(root / "cache")).items()
    ]
    tracker.write_all(drafts)
    _print(Imported(drafts, len(rows) - len(new), broken, time.perf_counter() - began), tracker, settings)


def _read(source: Source, path: Path | None) -> tuple[list[Row], list[Broken]]:
    rows: list[Row] = []
    broken: list[Broken] = []
    for found in source.rows(path):
        if isinstance(found, Row):
            rows.append(found)
        else:
            broken.append(found)
    rows, doubles = _runs.without_doubles(rows)
    broken += doubles
    if not rows:
        first = f" (first: {broken[0].where}: {broken[0].reason})" if broken else ""
        raise ConfigError(f"The table holds no measurement{first}; check path= and the source's columns.")
    return rows, broken


def _new(tracker: Tracker, rows: Mapping[str, Row]) -> dict[str, Row]:
    """The rows, by content key, that the experiment does not hold yet."""
    frame = load.load_runs(
        tracker.experiment, kind="published", columns=["cell_key"], tracking_uri=tracker.uri
    )
    there = set(frame["cell_key"]) if len(frame) else set()
    return {key: row for key, row in rows.items() if key not in there}


def _print(done: Imported, tracker: Tracker, settings: Config) -> None:
    for broken in done.broken[:_BROKEN_SHOWN]:
        say(f"skipped {broken.where}: {broken.reason}")
    if len(done.broken) > _BROKEN_SHOWN:
        say(f"skipped {len(done.broken) - _BROKEN_SHOWN} more lines like these")
    models = {draft.params["model.name"] for draft in done.drafts}
    backends = {draft.params["backend.name"] for draft in done.drafts}
    say(
        f"{len(done.drafts)} runs added to experiment {tracker.experiment!r} "
        f"(models: {len(models)}, backends: {len(backends)}), {done.known} were there already, "
        f"{len(done.broken)} places skipped, {done.seconds:.1f} s."
    )
    words = ["perfexp", "analyze", f"experiment={tracker.experiment}"]
    if settings.tracking.uri:
        words.append(f"tracking.uri={redacted(settings.tracking.uri)}")
    say(f"Analyse them:  {shlex.join(words)}")
