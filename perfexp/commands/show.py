"""Show one run: its numbers, its settings, and why something is missing.

  perfexp show RUN

RUN is a run's id, the beginning of one, or a run's name, of which the newest is shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perfexp.config import overrides
from perfexp.console import say
from perfexp.errors import ConfigError, Exit, NothingToDo, nearest
from perfexp.metrics import METRICS
from perfexp.records import RunKind
from perfexp.runs.client import Stored, stored
from perfexp.runs.query import RunQuery

NEEDS_ARGUMENTS = True
_FIRST = ("verdict", "taint", "reason", "sweep_id", "command")
_ABSENT, _HIDDEN = "absent.", ("mlflow.", "in_", "absent.")


@dataclass
class Config(RunQuery):
    """Which store and experiment hold the run."""


def launch(arguments: Sequence[str]) -> Exit:
    """Print the run.

    Raises:
        ConfigError: no run, or several, are named.
        NothingToDo: there is no such run.
    """
    named, options = overrides.named(arguments)
    if len(named) != 1:
        raise ConfigError("perfexp show takes one run: its id, the beginning of its id, or its name.")
    settings = overrides.parse(Config, options)
    _print(_found(settings, named[0]))
    return Exit.DONE


def _found(settings: Config, named: str) -> Stored:
    from perfexp.runs.load import load_runs, opened

    frame = load_runs(
        settings.experiment,
        status=None,
        kind=[*RunKind],
        columns=["run_name"],
        root=settings.tracking.root,
        tracking_uri=settings.tracking.uri,
    )
    ids, names = frame["run_id"].astype(str), frame["run_name"].astype(str)
    matching = ids[(ids.str.startswith(named) & (len(named) >= 4)) | (names == named)]
    if matching.empty:
        near = nearest(named, set(names))
        raise NothingToDo(
            f"There is no run {named!r} in {settings.experiment_name!r}: {near}; name one of them."
        )
    _, client = opened(settings.tracking.root, settings.tracking.uri)
    return stored(client, matching.iloc[0])


def _print(run: Stored) -> None:
    tags = run.tags
    say(f"{run.name}  {run.status}  {run.id}")
    for name in _FIRST:
        if name in tags:
            say(f"{name}: {tags[name]}")
    _section("metrics", run.metrics)
    _section("absent", {k.removeprefix(_ABSENT): v for k, v in tags.items() if k.startswith(_ABSENT)})
    _section("params", run.params)
    _section("tags", {k: v for k, v in tags.items() if k not in _FIRST and not k.startswith(_HIDDEN)})


def _section(title: str, values: Mapping[str, object]) -> None:
    if not values:
        return
    say(f"\n{title}")
    width = max(map(len, values))
    for name, value in sorted(values.items()):
        unit = METRICS[name].unit if title == "metrics" and name in METRICS else ""
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        say(f"  {name:{width}}  {text} {unit}".rstrip())
