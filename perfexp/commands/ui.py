"""Open MLflow's page on a sweep's charts, table and curves.

  perfexp ui sweep=quick

A store behind http is a running server, so only addresses are printed; for a database a server is
started on the loopback interface, without authentication, and ended with the verb.
"""

import sys
from dataclasses import dataclass

from perfexp.config import checks
from perfexp.config.options import option
from perfexp.config.schema import TrackingConfig
from perfexp.console import say
from perfexp.errors import TrackingError
from perfexp.records import RunKind
from perfexp.serving import server, target
from perfexp.serving.views import Kind, SavedView, view_url
from perfexp.store.address import HIDDEN, redacted

_OPEN = (
    "There is no password: until then every user of this machine can read, change and delete these runs "
    "(perfexp server asks for one)."
)


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
    checks.one_sweep(settings.sweep)
    checks.inside(0, 65536, {"port": settings.port}, "a port")
    opened = target.find(settings.tracking, settings.experiment, settings.sweep)
    views = opened.save_views()
    if opened.uri.startswith(("http://", "https://")):
        _print_addresses(redacted(opened.uri).replace(f"//{HIDDEN}@", "//"), opened, views)
    elif settings.print_only:
        _print_addresses(f"http://{server.HOST}:{settings.port}", opened, views)
    else:
        port = server.free_port(settings.port)
        with server.until_stopped(), server.serving(opened.uri, port) as process:
            _print_addresses(f"http://{server.HOST}:{port}", opened, views)
            say(_OPEN)
            say("Ctrl-C ends the server.", flush=True)
            raise TrackingError(f"MLflow's server ended by itself with exit code {process.wait()}.")


def _print_addresses(base_url: str, opened: target.Target, views: dict[Kind, SavedView]) -> None:
    if not views:
        say(f"Runs    {view_url(base_url, opened.experiment_id, None)}", flush=True)
        return
    say(f"Sweep   {opened.sweep_id or 'all runs of the experiment'}")
    if cells := views.get(RunKind.CELL):
        say(f"Charts  {view_url(base_url, opened.experiment_id, cells)}")
        say(f"Table   {view_url(base_url, opened.experiment_id, cells, 'TABLE')}")
    if curves := views.get(RunKind.CURVE):
        say(f"Curves  {view_url(base_url, opened.experiment_id, curves)}")
    sys.stdout.flush()
