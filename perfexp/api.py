"""What the verbs do, for notebooks and scripts: from frames of runs, and as frames.

Reading is in :mod:`perfexp.runs`; the package itself offers all of it, as in ``perfexp.analyze(runs)``.
"""

import shlex
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.config import overrides
from perfexp.errors import CellFailed, ConfigError, nearest

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from perfexp.analysis.results import Results

Option = str | float | bool | list[str] | list[int] | Path | None


def measure(*, root: Path | str | None = None, **options: Option) -> "pd.DataFrame":
    """Measure one cell in clean processes, as ``perfexp KEY=VALUE…`` does, and keep its run.

    Args:
        root: the folder of the store, as of :func:`perfexp.load_runs`.
        options: those of the command line, with two underscores for a dot: ``model="resnet18"``,
            ``backend="openvino"``, ``batch_size=8``, ``measure__rounds=5``.

    Returns:
        The cell's row, as of :func:`perfexp.load_runs`.

    Raises:
        CellFailed: nothing was measured; the FAILED run is kept.
        ConfigError: there is no such option or value.
        TrackingError: the store cannot be used.
    """
    from perfexp.commands import _hydra
    from perfexp.config.schema import RunConfig
    from perfexp.runs.load import load_runs
    from perfexp.store.build import Request
    from perfexp.sweep import cell_job
    from perfexp.sweep.progress import SweepProgress

    words = _words(root, options)
    config = _hydra.composed("run", RunConfig, words)
    settings = overrides.complete(config, RunConfig)
    request = Request(_hydra.text(config), shlex.join(["perfexp", *words]))
    outcome = cell_job.run(settings, request, SweepProgress())
    if outcome is None or not outcome.has_numbers:
        raise CellFailed(outcome.reason if outcome else "The cell was not measured.")
    place, uri = settings.tracking.root, settings.tracking.uri
    return load_runs(settings.experiment, where=f"run_id == '{outcome.run_id}'", root=place, tracking_uri=uri)


def analyze(
    runs: "pd.DataFrame",
    *,
    allow_mixed: bool = False,
    allow_tainted: bool = True,
    allow_inexact: bool = False,
    seed: int = 0,
) -> "Results":
    """Fit latency against batch size, group the models and test differences, as ``perfexp analyze`` does.

    Args:
        runs: cells, as :func:`perfexp.load_runs` returns them.
        allow_mixed: use runs of several hosts or versions as one.
        allow_tainted: use runs that were disturbed, with their wider intervals.
        allow_inexact: use runs whose outputs are beyond the tolerance of their precision.
        seed: of the clustering and resampling.

    Returns:
        Tables (``scaling``, ``clusters``, …), ``findings`` in sentences, and ``missing`` with the reason
        for each part that the data do not allow.

    Raises:
        ConfigError: the runs mix hosts or versions, or none can be used.
    """
    from perfexp.analysis import pipeline
    from perfexp.analysis.selection import select

    selection = select(runs, allow_mixed, allow_tainted, allow_inexact)
    return pipeline.analyse(selection, seed, lambda _: nullcontext())


def draw(chart: str, runs: "pd.DataFrame | Results") -> "Figure":
    """Return one of the report's figures.

    Args:
        chart: its name, as in ``"accuracy_throughput"``.
        runs: cells, or what :func:`analyze` returned.

    Raises:
        ChartMissing: the data do not allow the figure.
        ConfigError: there is no such chart, or the runs cannot be analysed.
    """
    from perfexp import charts
    from perfexp.analysis.results import Results

    known = {one.name: one for one in charts.charts()}
    if chart not in known:
        raise ConfigError(f"There is no chart {chart!r}: {nearest(chart, known)}; name one of them.")
    return charts.draw(known[chart], runs if isinstance(runs, Results) else analyze(runs))


def pareto(
    runs: "pd.DataFrame", first: str = "throughput_images_per_s", second: str = "published_top1"
) -> "pd.DataFrame":
    """Return the runs that no other beats: better in one metric and no worse in the other.

    Args:
        runs: as :func:`perfexp.load_runs` returns them; those that lack one of the metrics are left out.
        first, second: metrics with a better direction, which :data:`perfexp.METRICS` tells.

    Raises:
        ConfigError: there is no such metric, or neither more nor less of it is better.
    """
    from perfexp.analysis.comparison import frontier
    from perfexp.metrics import METRICS

    judged = [name for name, metric in METRICS.items() if metric.higher_is_better is not None]
    for name in (first, second):
        if name not in judged:
            near = nearest(name, judged)
            raise ConfigError(f"{name!r} is no metric with a better direction: {near}; name one of them.")
    told = runs.reindex(columns=[*runs, *({first, second} - {*runs})]).dropna(subset=[first, second])
    return told[frontier(told, first, second)].sort_values(first, ascending=False, ignore_index=True)


def predict(*, root: Path | str | None = None, **options: Option) -> "pd.DataFrame":
    """Predict a cell that nobody measured, as ``perfexp predict`` does, one row a backend.

    Args:
        root: the folder of the store, as of :func:`perfexp.load_runs`.
        options: those of the verb: ``model="resnet34"``, ``batch_size=12``, ``experiment="NAME"``, ….

    Returns:
        ``backend, latency_ms, low_ms, high_ms, memory_peak_mb, in_domain, basis, run_ids``.

    Raises:
        BackendError, ConfigError, ModelError, NothingToDo: as the verb.
    """
    import pandas as pd

    from perfexp.prediction import data, service
    from perfexp.prediction.service import PredictConfig

    settings = overrides.parse(PredictConfig, _words(root, options))
    cells = data.cells(settings, _silent)
    found = service.predict(settings, cells, settings.cache, _no_progress)
    return pd.DataFrame([asdict(one) for one in found])


def plan(*, root: Path | str | None = None, **options: Option) -> "pd.DataFrame":
    """Judge models, backends and batch sizes by limits, as ``perfexp plan`` does, the best first.

    Args:
        root: the folder of the store, as of :func:`perfexp.load_runs`.
        options: those of the verb: ``max_latency_ms=50``, ``min_top1=72``, ``experiment="NAME"``, ….

    Returns:
        ``model, backend, batch_size, measured, latency_ms, low_ms, high_ms, memory_mb, top1, overrides,
        verdict`` (meets, doubtful or fails) and ``throughput_images_per_s``.

    Raises:
        ConfigError, NothingToDo: as the verb; choices that all fail are returned.
    """
    from perfexp.prediction import data, planner
    from perfexp.prediction.planner import PlanConfig

    settings = overrides.parse(PlanConfig, _words(root, options))
    found = planner.choices(settings, data.cells(settings, _silent), _no_progress, _silent)
    return planner.judge(found, settings.limits)


def _words(root: Path | str | None, options: dict[str, Option]) -> list[str]:
    """Return the options as they would be typed."""
    from perfexp.runs.load import found_root

    words = [f"{key.replace('__', '.')}={_typed(value)}" for key, value in options.items()]
    return words if "tracking__root" in options else [*words, f"tracking.root={found_root(root)}"]


def _typed(value: Option) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_typed, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _silent(_: str) -> None:
    """What is reported on the way is in the frame that is returned."""


def _no_progress(_: str, __: int) -> Callable[[], None]:
    return lambda: None
