"""The curves of a sweep: one run for each combination of swept keys, with step = batch size."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from perfexp.config.schema import SweepConfig
from perfexp.errors import TrackingError
from perfexp.records import OUTCOME_METRICS, Outcome, ParityVerdict, RunKind, as_text, titled
from perfexp.store.build import curve_run
from perfexp.store.tracker import Tracker

_SHARED_TAGS = ("family", "display_name", "host")


def write(tracker: Tracker, outcomes: Iterable[Outcome], sweep: SweepConfig) -> None:
    """Write one run for each combination of all keys but the batch size, in place of earlier ones.

    A cell whose output is beyond its precision's tolerance is left out: it computes something else.

    Raises:
        TrackingError: neither the store nor the outbox could take them.
    """
    groups: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.has_numbers and outcome.tags.get("parity") != ParityVerdict.BEYOND:
            combination = outcome.model, outcome.backend, as_text(outcome.variant)
            groups.setdefault(combination, []).append(outcome)
    if sweep.id:
        with suppress(TrackingError):  # an unreachable store keeps them until the sweep is resumed
            tracker.discard(kind=RunKind.CURVE, sweep_id=sweep.id)
    for (model, backend, axes), members in groups.items():
        points = {
            member.batch_size: {k: member.metrics[k] for k in OUTCOME_METRICS if k in member.metrics}
            for member in members
        }
        shared = {key: members[0].tags[key] for key in _SHARED_TAGS if key in members[0].tags}
        sweep_tags = replace(sweep, axes=axes).tags()
        name = titled(f"{model} {backend}", members[0].variant)
        tracker.submit(curve_run(name, members[0], points, {**shared, **sweep_tags}))
