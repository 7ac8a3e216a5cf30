"""The command perfexp-ui: MLflow's page, opened on a sweep's prepared views.

A store behind http is a running server, so only addresses are printed; for a database a server
is started on the loopback interface, without authentication, and ended with the command.
"""

import argparse
import re
import sys
from collections.abc import Sequence

from perfexp.errors import TrackingError
from perfexp.records import RunKind
from perfexp.serving import server, target
from perfexp.serving.views import Kind, SavedView, view_url


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code, 2 for what the user has to solve."""
    options = _parse(argv)
    return server.exit_code("perfexp-ui", lambda: _run(options))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("perfexp-ui", description="Open MLflow's page on a sweep's charts.")
    add = parser.add_argument
    add("--tracking-uri", help="the store (default: MLFLOW_TRACKING_URI, else mlruns/mlflow.db here)")
    add("--experiment", help="its experiment (default: MLFLOW_EXPERIMENT_NAME, else perfexp)")
    add("--sweep", help="id or name of a sweep (default: the newest)")
    add("--port", type=_port, default=5000, help="port on 127.0.0.1, or the next free one (default: 5000)")
    add("--print-only", action="store_true", help="prepare the views and print addresses, start no server")
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535 but got {text!r}")
    return int(text)


def _run(options: argparse.Namespace) -> None:
    opened = target.find(options.tracking_uri, options.experiment, options.sweep)
    views = opened.save_views()
    if opened.uri.startswith(("http://", "https://")):
        _print_addresses(re.sub(r"//[^/@]*@", "//", opened.uri), opened, views)
    elif options.print_only:
        _print_addresses(f"http://{server.HOST}:{options.port}", opened, views)
    else:
        port = server.free_port(options.port)
        with server.ended_by_signal(), server.serving(opened.uri, port) as process:
            _print_addresses(f"http://{server.HOST}:{port}", opened, views)
            print("Ctrl-C ends the server.", flush=True)
            raise TrackingError(f"MLflow's server ended by itself with exit code {process.wait()}.")


def _print_addresses(base_url: str, opened: target.Target, views: dict[Kind, SavedView]) -> None:
    if not views:
        print(f"Runs    {view_url(base_url, opened.experiment_id, None)}", flush=True)
        return
    print(f"Sweep   {opened.sweep_id or 'all runs of the experiment'}")
    if cells := views.get(RunKind.CELL):
        print(f"Charts  {view_url(base_url, opened.experiment_id, cells)}")
        print(f"Table   {view_url(base_url, opened.experiment_id, cells, 'TABLE')}")
    if curves := views.get(RunKind.CURVE):
        print(f"Curves  {view_url(base_url, opened.experiment_id, curves)}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
