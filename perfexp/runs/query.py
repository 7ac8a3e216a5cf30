"""Which runs a command reads: its query, and the runs that match it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.cache import Cache
from perfexp.config import checks
from perfexp.config.options import option
from perfexp.config.schema import EXPERIMENT, Data, TrackingConfig
from perfexp.console import say
from perfexp.errors import NothingToDo
from perfexp.records import FINISHED, RunKind
from perfexp.runs.load import load_runs
from perfexp.store import connection
from perfexp.store.run_data import TAG_LIMIT

if TYPE_CHECKING:
    import pandas as pd

_KINDS = {
    Data.measured: [RunKind.CELL],
    Data.published: [RunKind.PUBLISHED],
    Data.both: [RunKind.CELL, RunKind.PUBLISHED],
}
_ENDED = (FINISHED, "FAILED")
_MAX_NAMED = 4


@dataclass
class RunQuery:
    """Which runs are read, and from which store; as in :func:`perfexp.load_runs`."""

    experiment: str | None = option(None, EXPERIMENT)
    sweep: str | None = option(None, "id or name of a sweep; null: all runs of the experiment")
    where: str | None = option(None, "pandas query over the runs' columns, as in batch_size <= 8")
    allow_mixed: bool = option(False, "use runs of several hosts or versions as one")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")

    @property
    def uri(self) -> str:
        """The store's address."""
        return connection.resolve(self.tracking.uri, Path(self.tracking.root))

    @property
    def cache(self) -> Cache:
        """The cache beside the runs."""
        return Cache((Path(self.tracking.root) / "cache").resolve())

    @property
    def experiment_name(self) -> str:
        """The experiment's name."""
        return connection.experiment_name(self.experiment)

    def folder(self, given: str | None, kind: str) -> Path:
        """Return the folder that was given, else a new one below ``tracking.root``/``kind``."""
        if given:
            return Path(given).expanduser()
        name = f"{self.experiment_name}-{datetime.now():%Y%m%d-%H%M%S}".replace("/", "_")
        return Path(self.tracking.root) / kind / name

    def load(self, kind: Sequence[str], status: str | None = FINISHED) -> "pd.DataFrame":
        """Return the runs of these kinds and this status, one row each.

        Raises:
            TrackingError: there is no such store or experiment.
            ConfigError: ``where`` is not a query over the columns, or ``sweep`` is a list.
        """
        checks.one_sweep(self.sweep)
        return load_runs(
            self.experiment,
            sweep=self.sweep,
            where=self.where,
            status=status,
            kind=kind,
            tracking_uri=self.uri,
        )


def cells(query: RunQuery, data: Data | None) -> "pd.DataFrame":
    """Return the measured or published cells, failed ones too; ``data`` None prefers measured ones.

    Raises:
        NothingToDo: there are none; says what the experiment holds.
    """
    runs = query.load(_KINDS[data or Data.both], status=None)
    runs = runs[runs["status"].isin(_ENDED)] if len(runs) else runs
    if runs.empty:
        raise NothingToDo(_nothing_matches(query, data))
    published = runs["kind"] == RunKind.PUBLISHED
    if data is None and published.any() and not published.all():
        say(f"{published.sum()} published runs are left aside; data=published or data=both would use them.")
        runs = runs[~published]
    return runs


def evaluations(query: RunQuery, required: bool) -> "pd.DataFrame":
    """Return the experiment's evaluations, whichever sweep they belong to.

    Raises:
        NothingToDo: they are required, and there are none.
    """
    runs = load_runs(query.experiment, kind=RunKind.EVALUATION, tracking_uri=query.uri)
    if runs.empty and required:
        raise NothingToDo(
            f"accuracy=measured needs evaluations, and the experiment {query.experiment_name!r} holds none; "
            "make some with perfexp evaluate, or leave accuracy=published."
        )
    return runs


def source(runs: "pd.DataFrame") -> str:
    """Return where the numbers come from, for the report's heading."""
    citations, published, hosts = (_distinct(runs, name) for name in ("citation", "published_in", "host"))
    parts = []
    if hosts:
        parts.append(f"measured by perfexp on {', '.join(hosts)}")
    if published:
        parts.append(
            f"published: {', '.join(published)}" + (f" ({'; '.join(citations)})" if citations else "")
        )
    return "; ".join(parts) or "measured by perfexp"


def _distinct(runs: "pd.DataFrame", column: str) -> list[str]:
    return sorted(set(runs[column].dropna().astype(str))) if column in runs else []


def _nothing_matches(query: RunQuery, data: Data | None) -> str:
    columns, kinds = ["kind", "sweep", "model", "backend"], _KINDS[Data.both]
    runs = load_runs(query.experiment, status=None, kind=kinds, columns=columns, tracking_uri=query.uri)
    name = query.experiment_name
    if runs.empty:
        return f"The experiment {name!r} holds no runs of cells; measure some with perfexp or import a table."
    present = ", ".join(
        f"{column} {_most_frequent(runs[column])}"
        for column in columns
        if column in runs and runs[column].count()
    )
    return (
        f"None of the {len(runs)} runs of the experiment {name!r} matches sweep={query.sweep} "
        f"where={query.where} data={data.value if data else None}; there are runs of {present}: "
        "ask for some of these."
    )


def _most_frequent(values: "pd.Series[str]") -> str:
    counts = values.value_counts()
    counts = counts[counts > 0]
    more = " or others" if len(counts) > _MAX_NAMED else ""
    return " or ".join(map(str, counts.index[:_MAX_NAMED])) + more


def ids(runs: "pd.DataFrame", elsewhere: str) -> str:
    """Return the runs' ids for a tag, or their number and where they stand if they are too many for one."""
    text = " ".join(runs["run_id"])
    return text if len(text) <= TAG_LIMIT else f"{len(runs)} runs, {elsewhere}"
