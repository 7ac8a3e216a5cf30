"""perfexp: how fast, how accurate and how heavy an image classifier is, cell by cell.

``load_runs`` returns the measured cells as a frame; ``load_samples`` and ``load_curves`` their raw latencies
and their curves in long form; ``sweeps`` and ``experiments`` what a store holds; ``METRICS`` is the table of
names, units and meanings. ``measure``, ``analyze``, ``predict``, ``plan``, ``draw`` and ``pareto`` do what
the verbs do, from frames and as frames.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perfexp.api import analyze, draw, measure, pareto, plan, predict
    from perfexp.metrics import METRICS
    from perfexp.runs.frames import experiments, load_curves, load_samples, sweeps
    from perfexp.runs.load import load_runs

__all__ = [
    "METRICS",
    "analyze",
    "draw",
    "experiments",
    "load_curves",
    "load_runs",
    "load_samples",
    "measure",
    "pareto",
    "plan",
    "predict",
    "sweeps",
]
_PLACES = {
    "METRICS": "perfexp.metrics",
    "load_runs": "perfexp.runs.load",
    **dict.fromkeys(("experiments", "load_curves", "load_samples", "sweeps"), "perfexp.runs.frames"),
    **dict.fromkeys(("analyze", "draw", "measure", "pareto", "plan", "predict"), "perfexp.api"),
}


def __getattr__(name: str) -> object:
    """Import pandas and the readers only when they are asked for."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
