"""The jobs of a sweep and their order: union of grids without exclusions and duplicates, cheap first."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import product
from math import isnan, nan
from random import Random

Choices = Mapping[str, Sequence[str]]
Job = dict[str, str]


def union(grids: Sequence[Choices]) -> list[Job]:
    """Return every combination of every grid once; a grid's first key changes slowest."""
    jobs = [dict(zip(grid, values, strict=True)) for grid in grids for values in product(*grid.values())]
    return list({frozenset(job.items()): job for job in reversed(jobs)}.values())[::-1]


def without(jobs: Sequence[Job], exclusions: Sequence[Mapping[str, str]], settled: Job) -> list[Job]:
    """Return the jobs that no exclusion matches.

    Args:
        jobs: all jobs.
        exclusions: each drops the jobs whose values match all of its patterns; a pattern is a
            comma-separated list of names in which ``*`` matches anything.
        settled: values of the keys that a job does not set.
    """
    return [job for job in jobs if not any(_matches({**settled, **job}, e) for e in exclusions)]


def _matches(job: Job, exclusion: Mapping[str, str]) -> bool:
    return all(
        any(fnmatchcase(job[key].strip("'\""), pattern.strip()) for pattern in str(patterns).split(","))
        for key, patterns in exclusion.items()
    )


def model(job: Job) -> str:
    """Return the model's name in the job, empty if all jobs share one."""
    return job.get("model.name") or job.get("model", "")


def cost(job: Job, macs: Mapping[str, float]) -> float:
    """Return the multiply-accumulates of a batch, NaN if those of the model are unknown."""
    batch_size = job.get("batch_size", "1")
    return macs.get(model(job), nan) * int(batch_size) if batch_size.isdecimal() else nan


def shuffled(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs in an order of chance, the same each time: no slow minute falls on one model alone."""
    order = sorted(jobs, key=str)
    Random(str(order)).shuffle(order)
    return order


def by_cost(jobs: Sequence[Job], macs: Mapping[str, float]) -> list[Job]:
    """Return the jobs grouped by model, the cheapest model and its smallest batch first.

    Models of unknown cost come last, in the order given.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(model(job), []).append(job)
    known = sorted((name for name in groups if name in macs), key=lambda name: macs[name])
    unknown = [name for name in groups if name not in macs]
    return [
        job
        for name in (*known, *unknown)
        for job in sorted(groups[name], key=lambda job: 0.0 if isnan(cost(job, macs)) else cost(job, macs))
    ]
