"""What the UI opens: an experiment of a store, one of its sweeps, and the views prepared for it."""

import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.config.schema import TrackingConfig, member_tag
from perfexp.console import say
from perfexp.errors import NothingToDo, TrackingError, nearest
from perfexp.records import RunKind, variant
from perfexp.runs import client as runs
from perfexp.serving.views import Kind, SavedView, shared_view
from perfexp.store import connection, search
from perfexp.store.tracker import Tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_OF_A_SWEEP = "tags.sweep_id LIKE '%'"
_MAX_SEARCHED = 1000


@dataclass(frozen=True)
class Target:
    """A store, one of its experiments, and a sweep of it (None: all its runs)."""

    client: "MlflowClient"
    uri: str
    experiment_id: str
    sweep_id: str | None

    def save_views(self) -> dict[Kind, SavedView]:
        """Write the views that have runs; none, with a warning, if the store refuses."""
        now_ms = int(time.time() * 1000)
        saved: dict[Kind, SavedView] = {}
        kinds: tuple[Kind, ...] = (RunKind.CELL, RunKind.CURVE)
        try:
            with connection.explained(self.uri):
                for kind in kinds:
                    if found := self._newest(kind):
                        run, tags = found
                        axes = list(variant(run.data.tags.get("axes"))) if tags else ()
                        view = shared_view(self.sweep_id, now_ms, kind, axes, tags)
                        self.client.set_experiment_tag(self.experiment_id, view.tag_name, view.tag_value)
                        saved[kind] = view
        except TrackingError as error:
            say(f"perfexp ui: no prepared view, only the plain page: {error}", file=sys.stderr)
            return {}
        return saved

    def _newest(self, kind: Kind) -> "tuple[Run, dict[str, str]] | None":
        """Return the newest run of the sweep, and the tags that all its runs of this kind have."""
        sweep = self.sweep_id
        for tags in ({member_tag(sweep): sweep}, {"sweep_id": sweep}) if sweep else ({},):
            run = search.newest(self.client, self.experiment_id, search.mlflow_filter(kind=kind, **tags))
            if run:
                return run, tags
        return None


def of_sweep(tracker: Tracker, sweep: str | None) -> Target:
    """Return the target of a sweep whose store is open."""
    from mlflow import MlflowClient

    return Target(MlflowClient(tracker.uri), tracker.uri, tracker.experiment_id, sweep)


def find(tracking: TrackingConfig, experiment: str | None, sweep: str | None) -> Target:
    """Return the target for a store, an experiment and a sweep's id or name; None takes the default.

    The default sweep is the newest.

    Raises:
        TrackingError: there is no such store, experiment or sweep; names the nearest.
    """
    root = Path(tracking.root).absolute()
    address = connection.resolve(tracking.uri, root)
    name = connection.experiment_name(experiment)
    client = connection.connect(address, root, create=False)
    with connection.explained(address):
        experiment_id = runs.experiment_id(client, address, name)
        return Target(client, address, experiment_id, _sweep_id(client, experiment_id, sweep))


def _sweep_id(client: "MlflowClient", experiment_id: str, requested: str | None) -> str | None:
    if requested is None:
        newest = search.newest(client, experiment_id, _OF_A_SWEEP)
        return newest.data.tags["sweep_id"] if newest else None
    for tags in ({"sweep_id": requested}, {"sweep": requested}):
        newest = search.newest(client, experiment_id, search.mlflow_filter(**tags))
        if newest and "sweep_id" in newest.data.tags:
            return newest.data.tags["sweep_id"]
    found = search.runs(client, experiment_id, _OF_A_SWEEP, search.NEWEST_FIRST)
    recent = [run.data.tags for run in islice(found, _MAX_SEARCHED)]
    known = {tags[name] for tags in recent for name in ("sweep", "sweep_id") if name in tags}
    raise NothingToDo(
        f"There is no sweep {requested!r} in the experiment; "
        + (f"{nearest(requested, known)}: choose with sweep=." if known else "it holds no sweep yet.")
    )
