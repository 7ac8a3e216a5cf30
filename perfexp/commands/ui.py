"""Open MLflow's page on a sweep's charts, table and curves.

  perfexp ui sweep=quick

A store behind http is a running server, so only addresses are printed; for a database a server is
started on the loopback interface, without authentication, and ended with the verb.
"""

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.config import checks
from perfexp.config.schema import TrackingConfig, option
from perfexp.errors import NothingToDo, TrackingError, nearest
from perfexp.serving import server
from perfexp.serving.views import Kind, SavedView, runs_filter, shared_view, view_url
from perfexp.store import connection

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Target:
    """What to open: a store, one of its experiments, and a sweep of it (None: all its runs)."""

    client: "MlflowClient"
    uri: str
    experiment_id: str
    sweep_id: str | None


@dataclass
class Config:
    """What to open."""

    experiment: str | None = option(None, "MLflow experiment; null: MLFLOW_EXPERIMENT_NAME, else perfexp")
    sweep: str | None = option(None, "id or name of a sweep; null: the newest")
    port: int = option(5000, "port on 127.0.0.1, or the next free one")
    print_only: bool = option(False, "prepare the views and print their addresses, start no server")
    tracking: TrackingConfig = option(TrackingConfig(), "preset: local, server", choose="local")


def main(settings: Config) -> None:
    """Print the addresses; for a database, serve until Ctrl-C.

    Raises:
        TrackingError: there is no such store or experiment, or MLflow's server did not start.
        NothingToDo: there is no such sweep.
    """
    checks.inside(0, 65536, {"port": settings.port}, "a port")
    target = _find(settings.tracking, settings.experiment, settings.sweep)
    views = _save_views(target)
    if target.uri.startswith(("http://", "https://")):
        _print_addresses(re.sub(r"//[^/@]*@", "//", target.uri), target, views)
    elif settings.print_only:
        _print_addresses(f"http://{server.HOST}:{settings.port}", target, views)
    else:
        port = server.free_port(settings.port)
        with server.until_stopped(), server.serving(target.uri, port) as process:
            _print_addresses(f"http://{server.HOST}:{port}", target, views)
            print("Ctrl-C ends the server.", flush=True)
            raise TrackingError(f"MLflow's server ended by itself with exit code {process.wait()}.")


def _find(tracking: TrackingConfig, experiment: str | None, sweep: str | None) -> Target:
    root = Path(tracking.root).absolute()
    address = connection.resolve(tracking.uri, root)
    name = connection.experiment_name(experiment)
    if address.startswith(_SQLITE) and not Path(address.removeprefix(_SQLITE)).is_file():
        raise TrackingError(
            f"There is no MLflow store at {address.removeprefix(_SQLITE)}; run perfexp first, "
            "or name another store with tracking.uri=."
        )
    client = connection.connect(address, root, create=False)
    with connection.explained(address):
        found = client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage == "deleted":
            names = [each.name for each in client.search_experiments() if each.name != "Default"]
            raise TrackingError(
                f"There is no experiment {name!r} in {connection.redacted(address)}; "
                + (f"{nearest(name, names)}: choose with experiment=." if names else "run perfexp first.")
            )
        experiment_id = str(found.experiment_id)
        return Target(client, address, experiment_id, _sweep_id(client, experiment_id, sweep))


def _sweep_id(client: "MlflowClient", experiment_id: str, asked: str | None) -> str | None:
    if asked is None:
        newest = _newest(client, experiment_id, "tags.sweep_id LIKE '%'")
        return newest[0].data.tags["sweep_id"] if newest else None
    for tags in ({"sweep_id": asked}, {"sweep": asked}):
        newest = _newest(client, experiment_id, runs_filter(**tags))
        if newest and "sweep_id" in newest[0].data.tags:
            return newest[0].data.tags["sweep_id"]
    recent = [run.data.tags for run in _newest(client, experiment_id, "tags.sweep_id LIKE '%'", 1000)]
    known = {tags[name] for tags in recent for name in ("sweep", "sweep_id") if name in tags}
    raise NothingToDo(
        f"There is no sweep {asked!r} in the experiment; "
        + (f"{nearest(asked, known)}: choose with sweep=." if known else "it holds no sweep yet.")
    )


def _newest(client: "MlflowClient", experiment_id: str, wanted: str, count: int = 1) -> list["Run"]:
    return list(client.search_runs([experiment_id], wanted, max_results=count, order_by=["start_time DESC"]))


def _save_views(target: Target) -> dict[Kind, SavedView]:
    """Write the views that have runs; none, with a word why, if the store refuses."""
    now_ms = int(time.time() * 1000)
    saved: dict[Kind, SavedView] = {}
    kinds: tuple[Kind, ...] = ("cell", "curve")
    try:
        with connection.explained(target.uri):
            for kind in kinds:
                wanted = runs_filter(kind=kind, sweep_id=target.sweep_id)
                if _newest(target.client, target.experiment_id, wanted):
                    view = shared_view(target.sweep_id, now_ms, kind)
                    target.client.set_experiment_tag(target.experiment_id, view.tag_name, view.tag_value)
                    saved[kind] = view
    except TrackingError as error:
        print(f"perfexp ui: no prepared view, only the plain page: {error}", file=sys.stderr)
        return {}
    return saved


def _print_addresses(base_url: str, target: Target, views: dict[Kind, SavedView]) -> None:
    if not views:
        print(f"Runs    {view_url(base_url, target.experiment_id, None)}", flush=True)
        return
    print(f"Sweep   {target.sweep_id or 'all runs of the experiment'}")
    if cells := views.get("cell"):
        print(f"Charts  {view_url(base_url, target.experiment_id, cells)}")
        print(f"Table   {view_url(base_url, target.experiment_id, cells, 'TABLE')}")
    if curves := views.get("curve"):
        print(f"Curves  {view_url(base_url, target.experiment_id, curves)}")
    sys.stdout.flush()
