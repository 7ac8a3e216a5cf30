"""The axes of a sweep: the keys in which its jobs differ, and each job's values of them.

Model, backend and batch size have their own columns everywhere; all other swept keys are told by
what this module makes of them.
"""

from collections.abc import Sequence

from perfexp.config.overrides import quoted, unquoted
from perfexp.records import as_text
from perfexp.sweep.jobs.grid import Job

OWN_COLUMNS = ("model", "model.name", "backend", "backend.name", "batch_size")


def varied(jobs: Sequence[Job]) -> list[str]:
    """Return the keys of which not all jobs have the same value, in the order of their first job."""
    keys = {key.lstrip("+"): None for job in jobs for key in job}
    return [key for key in keys if key not in OWN_COLUMNS and len({_value(job, key) for job in jobs}) > 1]


def override(job: Job, axes: Sequence[str]) -> Job:
    """Return the override that tells a job its values of the axes: none where it has none."""
    values = {axis: value for axis in axes if (value := _value(job, axis)) is not None}
    return {"sweep.axes": quoted(as_text(values))} if values else {}


def _value(job: Job, key: str) -> str | None:
    found = next((text for name, text in job.items() if name.lstrip("+") == key), None)
    return None if found is None else unquoted(found)
