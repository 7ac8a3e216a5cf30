"""Predict cells with models fitted to the training data and stored in the cache."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omegaconf import MISSING

from perfexp.analysis.names import folded
from perfexp.cache import Cache, digest
from perfexp.config.options import option
from perfexp.config.schema import ModelConfig
from perfexp.environment import version
from perfexp.errors import BackendError, ConfigError, nearest
from perfexp.models import description, features, sources
from perfexp.runs.query import RunQuery

if TYPE_CHECKING:
    import pandas as pd

    from perfexp.prediction.model.backend_model import BackendModel, Prediction, Scenario

Progress = Callable[[str, int], Callable[[], None]]
_KIND = "prediction"
_LIBRARIES = ("numpy", "scipy", "scikit-learn")


@dataclass
class PredictConfig(RunQuery):
    """A cell that nobody measured, or with ``validate`` the worth of such predictions."""

    model: ModelConfig = option(
        MISSING, "preset in conf/model; torchvision or timm with model.name=", choose="resnet50"
    )
    backend: str | None = option(None, "name as the runs have it; null: every backend they have")
    batch_size: int = option(1, "images in a batch")
    input_size: int | None = option(
        None, "height and width in pixels; null: as the runs, else the model's own"
    )
    validate: bool = option(False, "hold models, families and batch sizes out, and show the errors")
    coverage: float = option(0.9, "share of cells that the intervals hold")
    strict: bool = option(False, "refuse a cell outside of what was measured")
    output: str | None = option(None, "folder of a validation; null: one below tracking.root/prediction")
    seed: int = option(0, "of the fits")


def predict(
    settings: PredictConfig, cells: "pd.DataFrame", cache: Cache, progress: Progress
) -> "list[Prediction]":
    """Predict the configured cell on one backend, or on all that were measured.

    Raises:
        BackendError: the backend was never measured here.
        ConfigError: too few runs, or with ``strict`` a query outside the applicability domain.
        ModelError: no such model, or its graph cannot be traced.
    """
    query = _query(settings, cells, cache)
    models = {
        backend: model_for(query, cells, backend, settings.seed, cache, progress)
        for backend in _backends(settings.backend, cells)
    }
    predictions = [model.predict(query, settings.coverage) for model in models.values()]
    outside = [one.backend for one in predictions if not one.in_domain]
    if settings.strict and outside:
        raise ConfigError(
            f"{settings.model.name} at batch size {settings.batch_size} lies outside what was measured on "
            f"{', '.join(outside)}; measure something nearer, or predict without strict=true."
        )
    return predictions


def model_for(
    query: "pd.DataFrame", cells: "pd.DataFrame", backend: str, seed: int, cache: Cache, progress: Progress
) -> "BackendModel":
    """Return a model of the backend for ``query``; a measured network needs no fit over the others."""
    from perfexp.prediction.model.backend_model import from_scenarios
    from perfexp.prediction.model.extrapolation import MIN_SIZES

    curves = from_scenarios(cells[cells["backend"] == backend], {}, seed)
    if curves.measured(query)["batch_size"].nunique() >= MIN_SIZES:
        return curves
    return fitted(cells, backend, seed, cache, progress=progress)


def fitted(
    cells: "pd.DataFrame",
    backend: str,
    seed: int,
    cache: Cache,
    scenarios: "Mapping[str, Scenario] | None" = None,
    progress: Progress | None = None,
) -> "BackendModel":
    """Return the backend's model, from the cache if it was fitted to the same runs before.

    Pass ``scenarios`` to reuse the weights that a validation chose; ``progress`` shows the choosing.
    """
    from perfexp.prediction.model.backend_model import (
        FORMAT,
        from_json,
        from_scenarios,
        learn,
        quiet,
        to_json,
    )

    rows = cells[cells["backend"] == backend]
    facts = {"runs": sorted(rows["run_id"]), "seed": seed, "formats": (FORMAT, features.FORMAT)}
    key = digest({**facts, "versions": {name: version(name) for name in _LIBRARIES}})
    if not cache.has(_KIND, key):
        model = (
            learn(rows, seed, progress or quiet)
            if scenarios is None
            else from_scenarios(rows, scenarios, seed)
        )
        with cache.writing(_KIND, key) as folder:
            (folder / "model.json").write_text(to_json(model), encoding="utf-8")
    return from_json((cache.entry(_KIND, key) / "model.json").read_text(encoding="utf-8"))


def _backends(requested: str | None, cells: "pd.DataFrame") -> list[str]:
    known = sorted(set(cells["backend"]))
    if requested is not None and requested not in known:
        raise BackendError(
            f"Nothing was measured on the backend {requested!r} here: {nearest(requested, known)}; "
            "ask for one of them, or measure some models on it first."
        )
    return known if requested is None else [requested]


def _query(settings: PredictConfig, cells: "pd.DataFrame", cache: Cache) -> "pd.DataFrame":
    import pandas as pd

    from perfexp.prediction.model.linear import with_totals

    row = network(settings.model, settings.input_size, cells, cache)
    return with_totals(pd.DataFrame([{**row, "batch_size": settings.batch_size}]))


def network(
    model: ModelConfig, input_size: int | None, cells: "pd.DataFrame", cache: Cache
) -> dict[str, object]:
    """Return a model's name, family and features, without totals, at an input size that suits the cells.

    Raises:
        ModelError: no such model, or its graph cannot be traced.
    """
    found: Mapping[str, float] = description.describe(
        model, _input_size(model, input_size, cells), cache
    ).features
    return {"model": model.name, "family": _family(model, cells), **found}


def _input_size(model: ModelConfig, requested: int | None, cells: "pd.DataFrame") -> int | None:
    """Return the requested size, else the one at which the model, or all cells, were measured, else None."""
    if requested is not None or "effective_input_size" not in cells:
        return requested
    sizes = cells.loc[cells["model"] == model.name, "effective_input_size"].dropna().unique()
    if not len(sizes):
        sizes = cells["effective_input_size"].dropna().unique()
    return int(sizes[0]) if len(sizes) == 1 else None


def _family(model: ModelConfig, cells: "pd.DataFrame") -> str:
    """The model's family by the name that the runs have for it, as far as they know it."""
    own = cells.loc[cells["model"] == model.name, "family"]
    if len(own):
        return str(own.iloc[0])
    told = model.family or sources.source(model.source).facts(model.name).family
    return next((name for name in cells["family"].unique() if folded(name) == folded(told)), told)
