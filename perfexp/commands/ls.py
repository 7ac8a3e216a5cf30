"""List models, backends, named sweeps, or what a store holds.

  perfexp ls models | backends | presets | sweeps | experiments | runs
  perfexp ls runs sweep=quick where='batch_size <= 8'

presets are the named sweeps that can be run, sweeps those that were measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from perfexp import console
from perfexp.config import catalog, overrides
from perfexp.config.schema import ModelConfig
from perfexp.console import say
from perfexp.errors import ConfigError, Exit, NothingToDo, nearest
from perfexp.plugins import BACKENDS
from perfexp.runs.query import RunQuery

if TYPE_CHECKING:
    import pandas as pd

NEEDS_ARGUMENTS = True
_RUN = {
    "run_id": "run",
    "run_name": "name",
    "status": "status",
    "latency_p50_ms": "latency ms",
    "verdict": "verdict",
}
_MINUTE = "%Y-%m-%d %H:%M"
_ID = 8
"""Characters of an id that tell runs apart."""
_SHOWN = 50


@dataclass
class Config(RunQuery):
    """Which runs are listed, and of which store."""


def launch(arguments: Sequence[str]) -> Exit:
    """List what the first word names.

    Raises:
        ConfigError: there is no such list.
        NothingToDo: it is empty.
    """
    what, options = overrides.named(arguments)
    if len(what) != 1 or what[0] not in _LISTS:
        known = ", ".join(_LISTS)
        told = f"{what[0]!r} cannot be listed: {nearest(what[0], _LISTS)}" if what else "Nothing is named"
        raise ConfigError(f"{told}; give one of {known}, as in perfexp ls models.")
    _LISTS[what[0]](overrides.parse(Config, options))
    return Exit.DONE


def _models(_: Config) -> None:
    rows = [
        (preset, one.display_name or one.name, one.family or "", one.source) for preset, one in _presets()
    ]
    _print("models", ("model=", "name", "family", "library"), rows)
    say("Any other classifier: model=torchvision model.name=… or model=timm model.name=….")


def _presets() -> list[tuple[str, ModelConfig]]:
    found = [(name, catalog.model(name)) for name in catalog.names("model")]
    return [(name, one) for name, one in found if one is not None]


def _backends(_: Config) -> None:
    presets = sorted({*catalog.names("backend"), *BACKENDS.names()})
    _print("backends", ("backend=",), [(name,) for name in presets])


def _named_sweeps(_: Config) -> None:
    _print("named sweeps", ("sweep=", "file"), [(path.stem, str(path)) for path in catalog.sweeps()])


def _sweeps(settings: Config) -> None:
    from perfexp.runs.frames import sweeps

    found = sweeps(settings.experiment, root=settings.tracking.root, tracking_uri=settings.tracking.uri)
    _frame("sweeps", found.drop(columns="sweep"))


def _experiments(settings: Config) -> None:
    from perfexp.runs.frames import experiments

    names = experiments(root=settings.tracking.root, tracking_uri=settings.tracking.uri)
    _print("experiments", ("experiment=",), [(name,) for name in names])


def _runs(settings: Config) -> None:
    found = settings.load(["cell", "published", "evaluation"], status=None)
    shown = found.reindex(columns=[*_RUN]).rename(columns=_RUN)
    _frame("runs", shown.assign(run=[run_id[:_ID] for run_id in shown["run"]]))


def _frame(title: str, frame: "pd.DataFrame") -> None:
    """Print the newest rows."""
    rows = [tuple(map(_text, row)) for row in frame.head(_SHOWN).itertuples(index=False, name=None)]
    _print(title, tuple(map(str, frame)), rows)
    if len(frame) > _SHOWN:
        say(f"Shown are the newest {_SHOWN} of {len(frame):,}; where= leaves fewer.")


def _text(value: object) -> str:
    if value != value or value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime(_MINUTE)
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _print(title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if not rows:
        raise NothingToDo(f"There are no {title}.")
    console.terminal().print(console.table(title, dict.fromkeys(headings, False), rows))


_LISTS: dict[str, Callable[[Config], None]] = {
    "models": _models,
    "backends": _backends,
    "presets": _named_sweeps,
    "sweeps": _sweeps,
    "experiments": _experiments,
    "runs": _runs,
}
