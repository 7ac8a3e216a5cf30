"""What an analysis is about: the runs that were asked for, and where they come from."""

from typing import TYPE_CHECKING

from perfexp.config.settings import Accuracy, AnalyzeConfig, Data
from perfexp.errors import ConfigError
from perfexp.runs.load import load_runs
from perfexp.store import connection

if TYPE_CHECKING:
    import pandas as pd

_KINDS = {Data.measured: ["cell"], Data.published: ["published"], Data.both: ["cell", "published"]}
_ENDED = ("FINISHED", "FAILED")
_NAMED = 4


def cells(settings: AnalyzeConfig, uri: str) -> "pd.DataFrame":
    """The runs asked for, failed ones too.

    Raises:
        ConfigError: there are none; says what the experiment holds.
    """
    kinds = _KINDS[settings.data or Data.both]
    runs = load_runs(
        settings.experiment,
        sweep=settings.of_sweep,
        where=settings.where,
        status=None,
        kind=kinds,
        tracking_uri=uri,
    )
    runs = runs[runs["status"].isin(_ENDED)] if len(runs) else runs
    if runs.empty:
        raise ConfigError(_nothing_matches(settings, uri))
    published = runs["kind"] == "published"
    if settings.data is None and published.any() and not published.all():
        print(f"{published.sum()} published runs are left aside; data=published or data=both would use them.")
        runs = runs[~published]
    return runs


def evaluations(settings: AnalyzeConfig, uri: str) -> "pd.DataFrame":
    """The experiment's evaluations that can be compared.

    Raises:
        ConfigError: the measured accuracy is asked for, and there is none.
    """
    from perfexp.analysis.selection import comparable

    runs = load_runs(settings.experiment, kind="evaluation", tracking_uri=uri)
    if runs.empty and settings.accuracy == Accuracy.measured:
        name = connection.experiment_name(settings.experiment)
        raise ConfigError(
            f"accuracy=measured needs evaluations, and the experiment {name!r} holds none; make some with "
            "perfexp-evaluate, or leave accuracy=published."
        )
    return comparable(runs)


def source(runs: "pd.DataFrame") -> str:
    """Where the numbers come from, for the report's head."""
    citations = sorted(set(runs["citation"].dropna().astype(str))) if "citation" in runs else []
    published = sorted(set(runs["published_in"].dropna().astype(str))) if "published_in" in runs else []
    hosts = sorted(set(runs["host"].dropna().astype(str))) if "host" in runs else []
    parts = []
    if hosts:
        parts.append(f"measured by perfexp on {', '.join(hosts)}")
    if published:
        parts.append(
            f"published: {', '.join(published)}" + (f" ({'; '.join(citations)})" if citations else "")
        )
    return "; ".join(parts) or "measured by perfexp"


def _nothing_matches(settings: AnalyzeConfig, uri: str) -> str:
    name = connection.experiment_name(settings.experiment)
    columns = ["kind", "sweep", "model", "backend"]
    kinds = _KINDS[Data.both]
    every = load_runs(settings.experiment, status=None, kind=kinds, columns=columns, tracking_uri=uri)
    if every.empty:
        return f"The experiment {name!r} holds no runs of cells; measure some with perfexp or import a table."
    there = ", ".join(
        f"{column} {_some(every[column])}" for column in columns if column in every and every[column].count()
    )
    data = settings.data.value if settings.data else None
    return (
        f"None of the {len(every)} runs of the experiment {name!r} matches sweep={settings.of_sweep} "
        f"where={settings.where} data={data}; there are runs of {there}: ask for some of these."
    )


def _some(values: "pd.Series[str]") -> str:
    """The most frequent values."""
    counts = values.value_counts()
    counts = counts[counts > 0]
    return " or ".join(map(str, counts.index[:_NAMED])) + (" or others" if len(counts) > _NAMED else "")
