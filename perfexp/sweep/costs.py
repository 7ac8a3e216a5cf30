"""Published multiply-accumulates, asked of a worker: the libraries stay out of this process."""

import signal
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from perfexp.models import sources
from perfexp.worker.process import process_context


def macs(names: Collection[str]) -> dict[str, float]:
    """Of one image, of those models whose library publishes it, by name.

    It costs no time of its own: the fork server that it starts is the one that the first cell needs.
    """
    context, ignore = process_context(), (signal.SIGINT, signal.SIG_IGN)
    try:
        with ProcessPoolExecutor(1, context, signal.signal, ignore) as worker:
            return worker.submit(published, sorted(names)).result()
    except BrokenProcessPool:
        return {}


def published(names: Collection[str]) -> dict[str, float]:
    """The same, from this process."""
    found: dict[str, float] = {}
    for source in map(sources.source, sources.names()):
        facts = {name: source.facts(name) for name in set(names) & set(source.names())}
        known = {name: fact.published_macs for name, fact in facts.items()}
        found |= {name: count for name, count in known.items() if count is not None}
    return found
