"""Fitted models kept in the cache, and a query's answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perfexp import features, models, profiles
from perfexp.cache import Cache, digest
from perfexp.config import ModelConfig
from perfexp.errors import BackendError, ConfigError, nearest
from perfexp.settings import PredictConfig
from perfexp.versions import version

if TYPE_CHECKING:
    import pandas as pd

    from perfexp.analysis.prediction.fitted import Answer, BackendModel, Question

_KIND = "prediction"
_LIBRARIES = ("numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class Forecast:
    """An answer, and the backend it is for."""

    backend: str
    answer: "Answer"


def ask(settings: PredictConfig, cells: "pd.DataFrame", cache: Cache) -> list[Forecast]:
    """Predict the configured cell on one backend, or on all that were measured.

    Raises:
        BackendError: the backend was never measured here.
        ConfigError: too few runs, or with ``strict`` a query outside the support.
        ModelError: no such model, or its graph cannot be traced.
    """
    query = _query(settings, cells, cache)
    answers = [
        Forecast(backend, fitted(cells, backend, settings.seed, cache).ask(query, settings.coverage))
        for backend in _backends(settings.on_backend, cells)
    ]
    outside = [one.backend for one in answers if not one.answer.in_support]
    if settings.strict and outside:
        raise ConfigError(
            f"{settings.model.name} at batch size {settings.batch_size} lies outside what was measured on "
            f"{', '.join(outside)}; measure something nearer, or ask without strict=true."
        )
    return answers


def fitted(
    cells: "pd.DataFrame",
    backend: str,
    seed: int,
    cache: Cache,
    questions: "Mapping[str, Question] | None" = None,
) -> "BackendModel":
    """The backend's model: fitted once for the same runs, then found in the cache.

    ``questions`` spare choosing again what a validation has just chosen.
    """
    from perfexp.analysis.prediction.fitted import FORMAT, from_json, from_questions, learn, to_json

    own = cells[cells["backend"] == backend]
    facts = {"runs": sorted(own["run_id"]), "seed": seed, "formats": (FORMAT, features.FORMAT)}
    key = digest({**facts, "versions": {name: version(name) for name in _LIBRARIES}})
    if not cache.has(_KIND, key):
        model = learn(own, seed) if questions is None else from_questions(own, questions, seed)
        with cache.writing(_KIND, key) as folder:
            (folder / "model.json").write_text(to_json(model), encoding="utf-8")
    return from_json((cache.entry(_KIND, key) / "model.json").read_text(encoding="utf-8"))


def _backends(asked: str | None, cells: "pd.DataFrame") -> list[str]:
    known = sorted(set(cells["backend"]))
    if asked is not None and asked not in known:
        raise BackendError(
            f"Nothing was measured on the backend {asked!r} here: {nearest(asked, known)}; "
            "ask for one of them, or measure some models on it first."
        )
    return known if asked is None else [asked]


def _query(settings: PredictConfig, cells: "pd.DataFrame", cache: Cache) -> "pd.DataFrame":
    import pandas as pd

    from perfexp.analysis.prediction.physics import with_totals

    found: Mapping[str, float] = profiles.profile(settings.model, _input_size(settings, cells), cache)
    row = {"model": settings.model.name, "family": _family(settings.model, cells), **found}
    return with_totals(pd.DataFrame([{**row, "batch_size": settings.batch_size}]))


def _input_size(settings: PredictConfig, cells: "pd.DataFrame") -> int | None:
    """As asked; else the size at which the model was measured, if that was one; else its own."""
    if settings.input_size is not None or "effective_input_size" not in cells:
        return settings.input_size
    own = cells.loc[cells["model"] == settings.model.name, "effective_input_size"].dropna().unique()
    every = cells["effective_input_size"].dropna().unique()
    sizes = own if len(own) else every
    return int(sizes[0]) if len(sizes) == 1 else None


def _family(model: ModelConfig, cells: "pd.DataFrame") -> str:
    """The model's family by the name that the runs have for it, as far as they know it."""
    own = cells.loc[cells["model"] == model.name, "family"]
    if len(own):
        return str(own.iloc[0])
    told = model.family or models.source(model.source).facts(model.name).family
    return next((name for name in cells["family"].unique() if _plain(name) == _plain(told)), told)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
