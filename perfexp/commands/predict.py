"""Predict a cell that nobody measured, or show what such predictions are worth.

  perfexp predict model=resnet34 backend=openvino batch_size=12 experiment=NAME
  perfexp predict validate=true experiment=NAME output=DIR

A measured model's other batch sizes follow its own curve; any other torchvision or timm model is
predicted from what its layers compute and move.
"""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perfexp.analysis.names import listed
from perfexp.analysis.spreadsheet import as_csv
from perfexp.cache import Cache
from perfexp.config import checks
from perfexp.console import progress, say
from perfexp.errors import NothingToDo
from perfexp.prediction import data, service
from perfexp.prediction.service import PredictConfig as Config
from perfexp.runs import query
from perfexp.store import notes
from perfexp.store.run_data import RunData
from perfexp.store.tracker import open_tracker

if TYPE_CHECKING:
    import pandas as pd

    from perfexp.prediction.model.backend_model import Prediction, Scenario

_RUNS_SHOWN = 5


def main(settings: Config) -> None:
    """Print a prediction, or write a validation.

    Raises:
        NothingToDo: there are no runs to learn from.
    """
    checks.at_least(1, {"batch_size": settings.batch_size, "input_size": settings.input_size})
    checks.inside(0, 1, {"coverage": settings.coverage}, "a share of the cells, as in coverage=0.9")
    cells, name, cache = data.cells(settings, say), settings.experiment_name, settings.cache
    if settings.validate:
        _validate(settings, cells, name, cache)
        return
    with progress() as begin:
        predictions = service.predict(settings, cells, cache, begin)
    for one in predictions:
        _print(settings, one)


def _print(settings: Config, one: "Prediction") -> None:
    size = settings.batch_size
    share = f"{settings.coverage:.0%}"
    say(f"{settings.model.name} on {one.backend}, batch size {size} (predicted from {one.basis})")
    ends = f"{one.low_ms:.4g} and {one.high_ms:.4g} ms"
    say(f"  latency     {one.latency_ms:.4g} ms, {share} between {ends}")
    rates = [1e3 * size / ms for ms in (one.latency_ms, one.high_ms, one.low_ms)]
    say(f"  throughput  {rates[0]:.4g} images/s, {share} between {rates[1]:.4g} and {rates[2]:.4g} images/s")
    memory = (
        "absent: too few runs tell theirs" if one.memory_peak_mb is None else f"{one.memory_peak_mb:.4g} MB"
    )
    say(f"  peak memory {memory}")
    say(f"  support     {'inside' if one.in_domain else 'OUTSIDE: a guess, whatever its interval says'}")
    say(f"  learned from {len(one.run_ids)} runs: {listed(one.run_ids, _RUNS_SHOWN)}")


def _validate(settings: Config, cells: "pd.DataFrame", experiment: str, cache: Cache) -> None:
    from perfexp.prediction import validation
    from perfexp.prediction.model.backend_model import MIN_MODELS

    began = time.time()
    with progress() as begin:
        table, scenarios = validation.validate(cells, settings.coverage, settings.seed, say, begin)
    if table.empty:
        raise NothingToDo(
            f"{len(cells)} cells of {cells['model'].nunique()} models are too few to hold any out; it takes "
            f"{MIN_MODELS} models on one backend, or six batch sizes of one."
        )
    output = settings.folder(settings.output, "prediction")
    output.mkdir(parents=True, exist_ok=True)
    (output / "validation.csv").write_text(as_csv(table), encoding="utf-8")
    paths = [
        output / "validation.csv",
        *_figures(table, settings.coverage, output),
        *_models(settings, cells, output, cache, scenarios),
    ]
    tracker = open_tracker(settings.tracking.uri, Path(settings.tracking.root), experiment)
    run_id = tracker.write(_draft(settings, cells, table, paths, began))
    for by in (["backend", "scheme"], ["scheme", "family"], ["scheme", "batch_size"]):
        rows = validation.summary(table, by)
        say(rows.to_string(index=False, float_format="{:.1f}".format), end="\n\n")
    say(f"Held-out cells:  {output / 'validation.csv'}")
    say(f"MLflow run:      {run_id} in experiment {experiment!r}")


def _figures(table: "pd.DataFrame", promised: float, output: Path) -> list[Path]:
    from perfexp.charts import validation as validation_figures

    paths = []
    drawn = {
        "predicted_measured": validation_figures.predicted_measured(table),
        "error_by_family": validation_figures.error_by_family(table),
        "coverage": validation_figures.coverage(table, promised),
    }
    for name, figure in drawn.items():
        paths.append(output / f"{name}.png")
        figure.savefig(paths[-1], dpi=150)
    return paths


def _models(
    settings: Config,
    cells: "pd.DataFrame",
    output: Path,
    cache: Cache,
    scenarios: "Mapping[str, Mapping[str, Scenario]]",
) -> list[Path]:
    """One loadable model a backend, with the ids of the runs that it learned from."""
    from perfexp.prediction.model.backend_model import to_json

    paths = []
    for number, (backend, validated) in enumerate(sorted(scenarios.items())):
        paths.append(output / f"model_{number}.json")
        model = service.fitted(cells, backend, settings.seed, cache, validated)
        paths[-1].write_text(to_json(model), encoding="utf-8")
    return paths


def _draft(
    settings: Config,
    cells: "pd.DataFrame",
    table: "pd.DataFrame",
    paths: Sequence[Path],
    began: float,
) -> RunData:
    from perfexp.prediction import validation

    numbers = validation.summary(table)
    several = numbers["backend"].nunique() > 1
    metrics = {
        f"{row.scheme}_{what}_percent" + (f"_{place}" if several else ""): float(getattr(row, what))
        for place, (_, rows) in enumerate(numbers.groupby("backend", sort=True))
        for row in rows.itertuples()
        for what in ("median_ape", "mape", "coverage")
    }
    for by in ("family", "batch_size"):
        rows = validation.summary(table, ["scheme", by])
        for scheme, name, share in zip(rows["scheme"], rows[by], rows["coverage"], strict=True):
            metrics[f"{scheme}_coverage_percent_{by}_{_key(name)}"] = share
    note = "\n".join(
        f"- {notes.escaped(line)}" for line in numbers.round(1).astype(str).agg(", ".join, axis=1)
    )
    return RunData(
        name=f"validation of {len(cells)} cells",
        status="FINISHED",
        started_ms=int(began * 1000),
        metrics=[(name, value, 0) for name, value in metrics.items()],
        params={"coverage": str(settings.coverage), "seed": str(settings.seed)},
        tags={
            "kind": "validation",
            "runs_used": query.ids(cells, "listed in the models"),
            "mlflow.note.content": f"{', '.join(numbers.columns)}\n\n{note}",
        },
        paths=[("", path) for path in paths],
    )


def _key(name: object) -> str:
    """A family or batch size within a metric's name, which MLflow takes few characters in."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", str(name))
