"""What there is to learn from: sound runs of an experiment, each with its network's features."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from perfexp.cache import Cache
from perfexp.config.schema import ModelConfig, TrackingConfig
from perfexp.errors import ConfigError, ModelError
from perfexp.models import description
from perfexp.runs.load import load_runs
from perfexp.store import connection

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("cell", "published")
_TOLD_EVERY = 100


class Settings(Protocol):
    """What every command that learns from runs is configured with."""

    experiment: str | None
    sweep: str | None
    where: str | None
    allow_mixed: bool
    tracking: TrackingConfig


@dataclass(frozen=True)
class Asked:
    """Which runs: as in :func:`perfexp.load_runs`."""

    experiment: str | None
    sweep: str | None
    where: str | None
    allow_mixed: bool
    tracking_uri: str


def configured(settings: Settings, tell: Callable[[str], None]) -> tuple["pd.DataFrame", str, Cache]:
    """The cells that a command's settings ask for, their experiment's name, and the cache.

    Raises:
        ConfigError: there is nothing to learn from.
    """
    root = Path(settings.tracking.root)
    uri = connection.resolve(settings.tracking.uri, root)
    name = connection.experiment_name(settings.experiment)
    asked = Asked(name, settings.sweep, settings.where, settings.allow_mixed, uri)
    cache = Cache((root / "cache").resolve())
    return cells(asked, cache, tell), name, cache


def cells(asked: Asked, cache: Cache, tell: Callable[[str], None]) -> "pd.DataFrame":
    """One row a cell: ``run_id, model, variant, family, backend, batch_size, latency_ms``, features, totals.

    Measured runs where there are any, else published ones. ``tell`` hears what is left out.

    Raises:
        ConfigError: there is nothing to learn from.
    """
    import pandas as pd

    from perfexp.analysis.selection import select
    from perfexp.prediction.model.linear import with_totals

    runs = load_runs(
        asked.experiment, sweep=asked.sweep, where=asked.where, kind=KINDS, tracking_uri=asked.tracking_uri
    )
    if runs.empty:
        raise ConfigError(
            f"The experiment {asked.experiment!r} holds no finished run that matches "
            f"sweep={asked.sweep} where={asked.where}; measure some with perfexp, or import a table."
        )
    if runs["kind"].nunique() > 1:
        runs = runs[runs["kind"] == "cell"]
    plainly = {"library_name": runs["model"].astype(str), "runtime": runs["backend"].astype(str)}
    chosen = select(runs.assign(**plainly), asked.allow_mixed).cells
    found, reasons = _profiles(chosen, cache, tell)
    for model, reason in reasons.items():
        tell(f"left out {model}: {reason}")
    if found.empty:
        raise ConfigError(
            "No run's model is one of torchvision's or timm's, whose features a prediction needs; "
            "import the table with a source that says where its models come from."
        )
    plain = chosen.assign(variant=chosen["model"], model=chosen["library_name"]).loc[found.index]
    return with_totals(
        pd.concat([plain.drop(columns=plain.columns.intersection(found.columns)), found], axis=1)
    )


def _profiles(
    chosen: "pd.DataFrame", cache: Cache, tell: Callable[[str], None]
) -> tuple["pd.DataFrame", dict[str, str]]:
    """Features of every row whose model can be traced, by the row's index; and why others have none."""
    import pandas as pd

    sizes = pd.to_numeric(chosen.reindex(columns=["effective_input_size"])["effective_input_size"])
    sources = chosen.reindex(columns=["source"])["source"]
    rows: dict[object, object] = {}
    reasons: dict[str, str] = {}
    known: dict[tuple[str, str, int | None], object] = {}
    for index, name, source, size in zip(chosen.index, chosen["library_name"], sources, sizes, strict=True):
        if pd.isna(source):
            reasons[name] = "its run does not say which library it comes from."
            continue
        wanted = (str(source), str(name), None if pd.isna(size) else int(size))
        try:
            if wanted not in known:
                known[wanted] = description.profile(ModelConfig(*wanted[:2]), wanted[2], cache)
                if len(known) % _TOLD_EVERY == 0:
                    tell(f"{len(known)} networks traced or found in the cache.")
            rows[index] = known[wanted]
        except ModelError as error:
            reasons[name] = str(error)
    return pd.DataFrame.from_dict(rows, orient="index"), reasons
