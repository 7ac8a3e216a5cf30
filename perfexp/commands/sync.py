"""The command perfexp-sync: runs that wait in the spool are brought to the stores they are for."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from perfexp.errors import PerfexpError, TrackingError
from perfexp.store import connection
from perfexp.store.outbox import Outbox

_HIDDEN = "***@"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 when nothing waits any more, 1 when something does."""
    options = _parse(argv)
    root = Path(options.root)
    spool = Outbox(root)
    spool.tidy()
    for address, count in Counter(spool.stores()).items():
        try:
            uri = _uri(address, connection.resolve(options.tracking_uri, root))
            spool.deliver(connection.connect(uri, root, create=False), uri)
        except PerfexpError as error:
            print(f"perfexp-sync: {count} runs stay in {spool.folder}: {error}", file=sys.stderr)
    left = len(spool.waiting())
    print(f"{left} runs wait in {spool.folder}.")
    return 1 if left else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "perfexp-sync",
        description="Deliver measured runs that a store did not take; any later perfexp run does so too.",
    )
    add = parser.add_argument
    add("--root", default="mlruns", help="the tracking.root of the runs (default: mlruns)")
    add("--tracking-uri", help="an address with credentials, which the spool does not keep")
    return parser.parse_args(argv)


def _uri(address: str, given: str) -> str:
    if connection.redacted(given) == address:
        return given
    if _HIDDEN in address:
        raise TrackingError(
            f"the credentials of {address} are not kept; give the address with --tracking-uri or "
            "MLFLOW_TRACKING_URI."
        )
    return address


if __name__ == "__main__":
    sys.exit(main())
