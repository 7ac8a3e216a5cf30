"""A model of one backend that can be kept, loaded and asked.

Kept are the cells, their runs' ids, what was weighed and the scores; a loaded model is fitted again
from them in a second, which no version of a library can render unreadable.
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
from perfexp.prediction.model import batch_size, conformal, domain, duplicates, held_out, linear
from perfexp.prediction.model.ensemble import CANDIDATES, MIN_GROUPS, Predictor, fit, pooled
from perfexp.prediction.model.extrapolation import MIN_SIZES
from perfexp.prediction.model.linear import Array, Physics

FORMAT = 4
MIN_MODELS = 6
_KEPT = ["run_id", "model", "variant", "family", "backend", "batch_size", "latency_ms", "memory_peak_mb"]
_TOTALS = ["macs", "moved", "layers"]


@dataclass(frozen=True)
class Question:
    """How one question is answered.

    Attributes:
        weights: of the candidates, with a sum of 1.
        scores: held-out scores, in units of the local scale.
        groups: of the scores.
        usual: the median held-out error in logs.
    """

    weights: tuple[float, ...]
    scores: tuple[float, ...]
    groups: tuple[str, ...]
    usual: float

    def answer(self, logs: Array, coverage: float) -> tuple[float, float]:
        """Latency in ms, and how far its interval goes in logs, of one cell's predictions ``(C, 1)``."""
        level = conformal.quantile(np.array(self.scores), np.array(self.groups), coverage)
        reach = level * conformal.spread(logs, self.usual)
        return float(np.exp(pooled(logs, np.array(self.weights))[0])), float(reach[0])


@dataclass(frozen=True)
class Answer:
    """A prediction: times in ms of a whole batch; ``memory_peak_mb`` None where no run told it."""

    latency_ms: float
    low_ms: float
    high_ms: float
    memory_peak_mb: float | None
    in_support: bool
    basis: str
    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class BackendModel:
    """What is known of one backend; ``questions`` are ``known`` and ``new`` families, as far as chosen."""

    cells: pd.DataFrame
    questions: Mapping[str, Question]
    seed: int

    def ask(self, query: pd.DataFrame, coverage: float) -> Answer:
        """Answer a query of one row: ``model, family, batch_size``, features and totals."""
        found = self._curve(query, coverage) or self._unmeasured(query, coverage)
        latency, reach, inside, basis, used = found
        low, high = conformal.interval(np.array([latency]), reach)
        memory = self._memory.predict(query)[0] if self._memory else None
        return Answer(latency, low[0], high[0], memory, inside, basis, tuple(used["run_id"]))

    def measured(self, query: pd.DataFrame) -> pd.DataFrame:
        """Runs of the very network that is asked for: enough of them answer without any question."""
        one = query.iloc[0]
        same = (self.cells["model"] == one["model"]) & (self.cells["macs"] == one["macs"])
        found: pd.DataFrame = self.cells[same & (self.cells["params"] == one["params"])]
        return found

    def _curve(
        self, query: pd.DataFrame, coverage: float
    ) -> tuple[float, float, bool, str, pd.DataFrame] | None:
        own = self.measured(query)
        if own["batch_size"].nunique() < MIN_SIZES:
            return None
        at = query.assign(variant=own["variant"].iloc[0], backend=own["backend"].iloc[0])
        latency = float(batch_size.predict(self.cells, at)[0])
        size = float(query["batch_size"].iloc[0])
        inside = own["batch_size"].min() <= size <= own["batch_size"].max()
        held = self._within if inside else self._beyond
        ahead = 1.0 if inside else max(size / own["batch_size"].max(), own["batch_size"].min() / size)
        scores = conformal.scores(held["latency_ms"].to_numpy(float), held["predicted_ms"].to_numpy(float))
        models, all_of_them = held["model"].to_numpy(str), np.ones(len(held), dtype=bool)
        reach = batch_size.reach_of(
            scores, models, held["ahead"].to_numpy(float), ahead, all_of_them, coverage
        )
        return latency, reach, bool(inside), "its own batch sizes", own

    def _unmeasured(
        self, query: pd.DataFrame, coverage: float
    ) -> tuple[float, float, bool, str, pd.DataFrame]:
        if "known" not in self.questions:
            raise ConfigError(
                f"The backend {self.cells['backend'].iloc[0]!r} has runs of {self.cells['model'].nunique()} "
                f"models, but to predict another takes {MIN_MODELS}; measure more."
            )
        known = query["family"].iloc[0] in set(self.cells["family"]) or "new" not in self.questions
        name = "known" if known else "new"
        latency, reach = self.questions[name].answer(self._predictor.logs(query), coverage)
        basis = "models of its family and others" if known else "models of other families"
        return latency, reach, bool(self._support.holds(query)[0]), basis, self.cells

    @cached_property
    def _within(self) -> pd.DataFrame:
        return batch_size.leave_each(self.cells)

    @cached_property
    def _beyond(self) -> pd.DataFrame:
        return batch_size.leave_largest(self.cells)

    @cached_property
    def _predictor(self) -> Predictor:
        return fit(CANDIDATES, self.cells, self.seed)

    @cached_property
    def _support(self) -> domain.Support:
        return domain.learn(self.cells)

    @cached_property
    def _memory(self) -> Physics | None:
        told = self.cells[self.cells["memory_peak_mb"] > 0]
        if told["model"].nunique() < MIN_MODELS:
            return None
        return linear.fit(linear.MEMORY, told, told["memory_peak_mb"].to_numpy(float))


def quiet(_task: str, _steps: int) -> Callable[[], None]:
    """Progress that nobody looks at."""
    return lambda: None


def from_questions(cells: pd.DataFrame, questions: Mapping[str, Question], seed: int) -> BackendModel:
    """The model of one backend whose questions were chosen and scored before."""
    kept = cells.reindex(columns=[*_KEPT, *features.names(), *_TOTALS]).reset_index(drop=True)
    return BackendModel(kept, questions, seed)


def learn(
    cells: pd.DataFrame, seed: int, progress: Callable[[str, int], Callable[[], None]] = quiet
) -> BackendModel:
    """Choose and score the model of one backend; with too few models only their own curves answer.

    ``progress`` is told of each long task, and of how many steps, and gives what is called after each.
    """
    kept = cells.reset_index(drop=True)
    questions = {}
    if kept["model"].nunique() >= MIN_MODELS:
        for name, groups in (("known", duplicates.groups(kept)), ("new", kept["family"].to_numpy(str))):
            if len(np.unique(groups)) > MIN_GROUPS:
                advance = progress(f"{name} families left out", held_out.rounds(groups))
                questions[name] = question(held_out.leave_out(kept, groups, seed, advance))
    return from_questions(kept, questions, seed)


def question(found: held_out.HeldOut) -> Question:
    """A question by what was predicted of each cell without its group."""
    scores, usual = found.scores()
    return Question(
        tuple(found.weights().tolist()), tuple(scores.tolist()), tuple(found.groups.tolist()), usual
    )


def to_json(model: BackendModel) -> str:
    """The model as text."""
    questions = {name: asdict(question) for name, question in model.questions.items()}
    cells = json.loads(model.cells.to_json(orient="split", index=False, double_precision=15))
    return json.dumps({"format": FORMAT, "seed": model.seed, "questions": questions, "cells": cells})


def from_json(text: str) -> BackendModel:
    """The model that :func:`to_json` wrote.

    Raises:
        ConfigError: the text is of another format.
    """
    stored = json.loads(text)
    if stored.get("format") != FORMAT:
        raise ConfigError(
            f"The fitted model has the format {stored.get('format')}, but {FORMAT} is read; validate again."
        )
    questions = {
        name: Question(tuple(q["weights"]), tuple(q["scores"]), tuple(q["groups"]), q["usual"])
        for name, q in stored["questions"].items()
    }
    cells = pd.read_json(StringIO(json.dumps(stored["cells"])), orient="split", precise_float=True)
    return BackendModel(cells, questions, stored["seed"])
