"""What a sweep is about to do, in a line: its cells, and between which bounds its time lies."""

from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf

from perfexp.config.schema import MeasureConfig, as_protocol
from perfexp.sweep.jobs.grid import Job
from perfexp.sweep.progress import duration

_START_S = 0.7
"""Seconds to fork a process and load a small model."""


def told(jobs: Sequence[Job], config: DictConfig) -> str:
    """Return the line."""
    keys = dict.fromkeys(key for job in jobs for key in job)
    swept = {key: len({job.get(key) for job in jobs}) for key in keys}
    factors = " × ".join(f"{count} {key}" for key, count in swept.items() if count > 1)
    noun = ("cell" if "measure" in config else "job") + ("s" if len(jobs) > 1 else "")
    line = f"{len(jobs)} {noun}" + (f": {factors}" if factors else "")
    measure = protocol(config)
    if measure is None:
        return f"{line}."
    least_s, most_s = bounds_s(measure)
    rounds = f"{measure.rounds} rounds or more each" if measure.rounds > 1 else "one round each"
    return (
        f"{line}; {rounds}, between {duration(len(jobs) * least_s)} and {duration(len(jobs) * most_s)}, and "
        "what it takes to prepare the models."
    )


def protocol(config: DictConfig) -> MeasureConfig | None:
    """Return how each cell is measured; None for an evaluation, which measures no cell."""
    measure = OmegaConf.to_object(config.measure) if "measure" in config else None
    return as_protocol(measure) if isinstance(measure, MeasureConfig) else None


def bounds_s(measure: MeasureConfig) -> tuple[float, float]:
    """Return the shortest and the longest time that a cell is measured, for batches shorter than these."""
    least = measure.warmup_s + measure.min_s + measure.rounds * _START_S
    waits = measure.max_rounds * (_START_S + measure.calm_wait_s)
    return least, measure.warmup_max_s + measure.budget_s + waits
