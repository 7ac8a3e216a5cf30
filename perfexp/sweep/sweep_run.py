"""A sweep as a run of its own: how its cells ended, its axes, its table and its picture."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from perfexp.config.schema import SweepConfig
from perfexp.errors import TrackingError
from perfexp.records import FINISHED, OUTCOME_METRICS, SKIPPED, Outcome, RunKind, as_text, titled
from perfexp.store.run_data import RunData
from perfexp.store.tracker import Tracker


def write(
    tracker: Tracker, outcomes: Sequence[Outcome], sweep: SweepConfig, planned: int, took_s: float
) -> None:
    """Write the sweep's run, in place of the one that an earlier part of the sweep wrote.

    Args:
        tracker: the store.
        outcomes: of the cells that ended.
        sweep: which sweep it is.
        planned: number of its cells.
        took_s: since its start.

    Raises:
        TrackingError: neither the store nor the outbox could take it.
    """
    from perfexp.charts import sweep_map

    assert sweep.id is not None, "a sweep has an id"
    with suppress(TrackingError):  # an unreachable store keeps it until the sweep is resumed
        tracker.discard(kind=RunKind.SWEEP, sweep_id=sweep.id)
    counts = counted(outcomes)
    axes = {
        key: ", ".join(dict.fromkeys(o.variant.get(key, "") for o in outcomes)) for key in _keys(outcomes)
    }
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    note = f"{told}. The artifacts `sweep.png` and `cells.csv` show them all."
    squares = [
        sweep_map.Square(
            titled(f"{o.model} {o.backend}", o.variant),
            o.batch_size,
            o.metrics.get("throughput_images_per_s"),
            o.tainted,
        )
        for o in sorted(outcomes, key=lambda o: (o.model, o.backend, as_text(o.variant), o.batch_size))
    ]
    metrics = {**counts, "cells_left": max(0, planned - len(outcomes)), "sweep_duration_s": took_s}
    tracker.submit(
        RunData(
            name=f"sweep {sweep.id}",
            status=FINISHED,
            started_ms=int((time.time() - took_s) * 1000),
            metrics=[(name, float(value), 0) for name, value in metrics.items()],
            params={f"swept.{key}": text for key, text in axes.items()},
            tags={**sweep.tags(), "kind": RunKind.SWEEP, "mlflow.note.content": note},
            files={"cells.csv": _csv(outcomes), "sweep.png": sweep_map.png(squares)},
        )
    )


def counted(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Return how many cells there are, how they ended, and how many are tainted."""
    statuses = Counter(outcome.status for outcome in outcomes)
    failed = len(outcomes) - statuses[FINISHED] - statuses[SKIPPED]
    tainted = sum(o.has_numbers and o.tainted for o in outcomes)
    return {
        "cells": len(outcomes),
        "cells_measured": statuses[FINISHED],
        "cells_measured_before": statuses[SKIPPED],
        "cells_failed": failed,
        "cells_tainted": tainted,
    }


def _keys(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(key for outcome in outcomes for key in outcome.variant))


def _csv(outcomes: Sequence[Outcome]) -> str:
    """Return one line per cell, with the swept keys as further columns."""
    import pandas as pd

    from perfexp.analysis.spreadsheet import as_csv

    lines = [
        {
            **{"model": o.model, "backend": o.backend, "batch_size": o.batch_size},
            **o.variant,
            **{"status": o.status, "verdict": o.tags.get("verdict"), "reason": o.reason, "run_id": o.run_id},
            **{name: o.metrics.get(name) for name in OUTCOME_METRICS},
        }
        for o in outcomes
    ]
    return as_csv(pd.DataFrame(lines))
