"""A model of one backend that can be stored, loaded and queried.

Stored are the cells, their runs' ids, the candidates' weights and their scores; a loaded model is
fitted again from them in a second, and so does not depend on any library's version.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from io import StringIO

import numpy as np
import pandas as pd

from perfexp.errors import ConfigError
from perfexp.models import features
from perfexp.prediction.model import batch_size, conformal, domain, held_out, linear
from perfexp.prediction.model.ensemble import CANDIDATES, MIN_GROUPS, Member, fit, pooled, predict_logs
from perfexp.prediction.model.extrapolation import MIN_SIZES
from perfexp.prediction.model.linear import Array, CostModel

FORMAT = 5
MIN_MODELS = 6
_STORED = ["run_id", "model", "variant", "family", "backend", "batch_size", "latency_ms", "memory_peak_mb"]
_TOTALS = ["macs", "moved", "layers"]
Progress = Callable[[str, int], Callable[[], None]]
"""From a task and its number of steps to a function that is called after each step."""


@dataclass(frozen=True)
class Scenario:
    """How a model of a known family, or one of a new family, is predicted.

    Attributes:
        weights: of the candidates, with a sum of 1.
        scores: held-out scores, in units of the local scale.
        groups: of the scores.
        median_error: of held-out predictions, in logs.
    """

    weights: tuple[float, ...]
    scores: tuple[float, ...]
    groups: tuple[str, ...]
    median_error: float

    @classmethod
    def of(cls, found: held_out.HeldOut) -> "Scenario":
        """Return the scenario that held-out predictions represent."""
        scores, median_error = found.scores()
        weights = tuple(found.weights().tolist())
        return cls(weights, tuple(scores.tolist()), tuple(found.groups.tolist()), median_error)

    def predict(self, logs: Array, coverage: float) -> tuple[float, float]:
        """Return latency in ms and log half-width from one cell's log predictions ``(C, 1)``."""
        level = conformal.quantile(np.array(self.scores), np.array(self.groups), coverage)
        log_half_width = level * conformal.spread(logs, self.median_error)
        return float(np.exp(pooled(logs, np.array(self.weights))[0])), float(log_half_width[0])


Scenarios = Mapping[str, Scenario]
"""By ``known`` and ``new`` family; absent ones could not be validated."""


@dataclass(frozen=True)
class Prediction:
    """A predicted cell: times in ms of a whole batch; ``memory_peak_mb`` None if too few runs have it."""

    backend: str
    latency_ms: float
    low_ms: float
    high_ms: float
    memory_peak_mb: float | None
    in_domain: bool
    basis: str
    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class BackendModel:
    """The cells of one backend, and the scenarios that predict unmeasured networks."""

    cells: pd.DataFrame
    scenarios: Scenarios
    seed: int

    def predict(self, query: pd.DataFrame, coverage: float) -> Prediction:
        """Predict a query of one row: ``model, family, batch_size``, features and totals.

        Raises:
            ConfigError: the network is unmeasured, and there are too few models to predict it.
        """
        found = self._by_curve(query, coverage) or self._by_scenario(query, coverage)
        latency, log_half_width, inside, basis, used = found
        low, high = conformal.interval(np.array([latency]), log_half_width)
        memory = self._memory.predict(query)[0] if self._memory else None
        backend = str(self.cells["backend"].iloc[0])
        return Prediction(backend, latency, low[0], high[0], memory, inside, basis, tuple(used["run_id"]))

    def measured(self, query: pd.DataFrame) -> pd.DataFrame:
        """Return the runs of the queried network: enough of them need no scenario."""
        one = query.iloc[0]
        same = (self.cells["model"] == one["model"]) & (self.cells["macs"] == one["macs"])
        found: pd.DataFrame = self.cells[same & (self.cells["params"] == one["params"])]
        return found

    def _by_curve(
        self, query: pd.DataFrame, coverage: float
    ) -> tuple[float, float, bool, str, pd.DataFrame] | None:
        curve = self.measured(query)
        if curve["batch_size"].nunique() < MIN_SIZES:
            return None
        at = query.assign(variant=curve["variant"].iloc[0], backend=curve["backend"].iloc[0])
        latency = float(batch_size.predict(self.cells, at)[0])
        sizes, size = curve["batch_size"], query["batch_size"].iloc[0]
        smallest, largest = sizes.min(), sizes.max()
        inside = bool(smallest <= size <= largest)
        ahead = 1.0 if inside else float(max(size / largest, smallest / size))
        scores = batch_size.Scores.of(self._within if inside else self._beyond, "model")
        return latency, scores.log_half_width(ahead, coverage), inside, "its own batch sizes", curve

    def _by_scenario(
        self, query: pd.DataFrame, coverage: float
    ) -> tuple[float, float, bool, str, pd.DataFrame]:
        if "known" not in self.scenarios:
            raise ConfigError(
                f"The backend {self.cells['backend'].iloc[0]!r} has runs of {self.cells['model'].nunique()} "
                f"models, but to predict another takes {MIN_MODELS}; measure more."
            )
        known = query["family"].iloc[0] in set(self.cells["family"]) or "new" not in self.scenarios
        scenario = self.scenarios["known" if known else "new"]
        latency, log_half_width = scenario.predict(predict_logs(self._members, query), coverage)
        basis = "models of its family and others" if known else "models of other families"
        return latency, log_half_width, bool(self._domain.contains(query)[0]), basis, self.cells

    @cached_property
    def _within(self) -> pd.DataFrame:
        return batch_size.leave_each(self.cells)

    @cached_property
    def _beyond(self) -> pd.DataFrame:
        return batch_size.leave_largest(self.cells)

    @cached_property
    def _members(self) -> tuple[Member, ...]:
        return fit(CANDIDATES, self.cells, self.seed)

    @cached_property
    def _domain(self) -> domain.Domain:
        return domain.fit(self.cells)

    @cached_property
    def _memory(self) -> CostModel | None:
        known = self.cells[self.cells["memory_peak_mb"] > 0]
        if known["model"].nunique() < MIN_MODELS:
            return None
        return linear.fit(linear.MEMORY, known, known["memory_peak_mb"].to_numpy(float))


def quiet(_task: str, _steps: int) -> Callable[[], None]:
    """Report no progress."""
    return lambda: None


def from_scenarios(cells: pd.DataFrame, scenarios: Scenarios, seed: int) -> BackendModel:
    """Return the model of one backend with scenarios that were validated before."""
    stored = cells.reindex(columns=[*_STORED, *features.names(), *_TOTALS]).reset_index(drop=True)
    return BackendModel(stored, scenarios, seed)


def learn(cells: pd.DataFrame, seed: int, progress: Progress = quiet) -> BackendModel:
    """Weigh and score the model of one backend; too few models have no scenario."""
    cells = cells.reset_index(drop=True)
    scenarios = {}
    if cells["model"].nunique() >= MIN_MODELS:
        for name, groups in (("known", domain.duplicates(cells)), ("new", cells["family"].to_numpy(str))):
            if len(np.unique(groups)) > MIN_GROUPS:
                advance = progress(f"{name} families held out", held_out.rounds(groups))
                scenarios[name] = Scenario.of(held_out.leave_out(cells, groups, seed, advance))
    return from_scenarios(cells, scenarios, seed)


def to_json(model: BackendModel) -> str:
    """Return the model as text."""
    scenarios = {name: asdict(scenario) for name, scenario in model.scenarios.items()}
    cells = json.loads(model.cells.to_json(orient="split", index=False, double_precision=15))
    return json.dumps({"format": FORMAT, "seed": model.seed, "scenarios": scenarios, "cells": cells})


def from_json(text: str) -> BackendModel:
    """Return the model that :func:`to_json` wrote.

    Raises:
        ConfigError: the text has another format.
    """
    stored = json.loads(text)
    if stored.get("format") != FORMAT:
        raise ConfigError(
            f"The fitted model has the format {stored.get('format')}, but {FORMAT} is read; validate again."
        )
    scenarios = {
        name: Scenario(tuple(s["weights"]), tuple(s["scores"]), tuple(s["groups"]), s["median_error"])
        for name, s in stored["scenarios"].items()
    }
    cells = pd.read_json(StringIO(json.dumps(stored["cells"])), orient="split", precise_float=True)
    return BackendModel(cells, scenarios, stored["seed"])
