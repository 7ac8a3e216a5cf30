"""Read runs out of MLflow as one typed DataFrame."""

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from perfexp.config.schema import member_tag
from perfexp.console import plain
from perfexp.errors import listed
from perfexp.metrics import name_of
from perfexp.records import RunKind
from perfexp.runs import client, sql
from perfexp.runs.columns import CORE, FIRST_BACKENDS, typed
from perfexp.runs.where import required_texts, rows_where
from perfexp.store import connection

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

_CELL = "cell_key"
_RENAMED = {
    "model.name": "model",
    "model.source": "source",
    "backend.name": "backend",
    "backend.device": "device",
    "backend.precision": "precision",
    "backend.threads": "threads",
    "effective.input_size": "effective_input_size",
    "dataset.name": "dataset",
    "measure.precision": "measure_rel_half_width",
}


def load_runs(
    experiment: str | None = None,
    *,
    sweep: str | Sequence[str] | None = None,
    where: str | None = None,
    status: str | None = "FINISHED",
    kind: str | Sequence[str] | None = None,
    columns: Sequence[str] | str | None = None,
    samples: bool = False,
    root: Path | str | None = None,
    tracking_uri: str | None = None,
) -> "pd.DataFrame":
    """Return the runs of an experiment, one row a run, newest first.

    Args:
        experiment: its name; by default MLFLOW_EXPERIMENT_NAME, else ``perfexp``.
        sweep: ids or names of sweeps: every cell of them once, those included that were measured before
            and found finished; of a cell that was measured again the newest run.
        where: a query over the columns, as in ``"batch_size <= 8 and backend == 'torch'"``.
        status: MLflow's run status; None for all of them.
        kind: ``cell`` for measurements, ``evaluation`` for measured accuracy, ``published`` for
            rows of imported tables, ``curve`` for the runs that draw lines; or several of these. None
            is ``cell``, and warns if the experiment has runs of other kinds only.
        columns: ``"core"`` for identity, headline numbers, accuracy and verdict; or names, which are read
            besides ``run_id``, ``status``, ``start_time`` and those named in ``where``, and are there even
            if no run has a value. None, or ``"all"``, reads all.
        samples: add the column ``samples_ms``, an array of shape ``(iterations,)`` a row.
        root: the folder that holds the store and its artifacts; by default PERFEXP_ROOT, else the nearest
            ``mlruns`` from the current directory upwards.
        tracking_uri: as ``tracking.uri``; by default MLFLOW_TRACKING_URI, else SQLite below ``root``.

    Returns:
        Identity first, then latency, throughput, memory, accuracy and verdict (:data:`columns.CORE`),
        then the rest by name. Numbers as numbers, categories as categories; metrics under the names of
        :mod:`perfexp.metrics`, parameters with dots turned into underscores.

    Raises:
        TrackingError: there is no such store or experiment.
        ConfigError: ``where`` is not a query over the columns, or no run can have a column asked for.
    """
    import pandas as pd

    uri, store = opened(root, tracking_uri)
    asked = CORE if columns == "core" else None if columns in (None, "all") else _names_of(columns)
    reader = _Reader(uri, _names_of(kind or RunKind.CELL), status, asked, where)
    with connection.explained(uri):
        experiment_id = client.experiment_id(store, uri, connection.experiment_name(experiment))
        if sweep is None:
            frame = reader.read(experiment_id)
        else:
            frame = reader.members(experiment_id, _names_of(sweep))
            frame = frame if asked is None or _CELL in asked else frame.drop(columns=_CELL, errors="ignore")
        if kind is None and frame.empty:
            _warn_of_kinds(client.kinds(store, experiment_id))
    frame = rows_where(typed(frame, asked), where).copy()
    if samples:
        times = client.samples(uri, frame.get("run_id", []))
        frame["samples_ms"] = pd.Series(times, index=frame.index, dtype=object)
    return frame.reset_index(drop=True)


def opened(root: Path | str | None, tracking_uri: str | None) -> "tuple[str, MlflowClient]":
    """Return the address of a store that is there, and its client; it need not be writable.

    Raises:
        TrackingError: there is none.
    """
    place = found_root(root)
    return connection.connect_to_read(connection.resolve(tracking_uri, place), place)


def found_root(root: Path | str | None) -> Path:
    """Return the folder of the store: as given, PERFEXP_ROOT, or the nearest ``mlruns`` upwards.

    The search ends at the root of a Git repository, so that no other project's store is taken.
    """
    if given := root or os.environ.get("PERFEXP_ROOT"):
        place = Path(given).expanduser()
        inner = place / "mlruns"
        return inner if (inner / "mlflow.db").is_file() and not (place / "mlflow.db").is_file() else place
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "mlruns" / "mlflow.db").is_file():
            return folder / "mlruns"
        if (folder / ".git").exists():
            break
    return Path("mlruns")


def _warn_of_kinds(kinds: Sequence[str]) -> None:
    if kinds and RunKind.CELL not in kinds:
        warnings.warn(
            f"The experiment has no measured cells, but runs of the kind {plain(listed(kinds))}: name one by "
            "kind=.",
            stacklevel=3,
        )


def _names_of(given: Sequence[str] | str) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


@dataclass(frozen=True)
class _Reader:
    """Reads runs of these kinds and this status; ``asked`` None reads all columns."""

    uri: str
    kinds: list[str]
    status: str | None
    asked: Sequence[str] | None
    where: str | None

    def members(self, experiment_id: str, sweeps: Sequence[str]) -> "pd.DataFrame":
        """Return the runs of the sweeps, each cell once."""
        import pandas as pd

        parts, keyed = [], self
        if self.asked is not None:
            keyed = replace(self, asked=[*self.asked, _CELL])
        for sweep in sweeps:
            own = keyed.read(experiment_id, {"sweep_id": [sweep]})
            own = keyed.read(experiment_id, {"sweep": [sweep]}) if own.empty else own
            parts += [own, keyed.read(experiment_id, {member_tag(sweep): [sweep]})]
        parts = [part for part in parts if len(part)] or parts[:1]
        frame = pd.concat(parts, ignore_index=True).drop_duplicates("run_id")
        frame = frame.sort_values(["start_time", "run_id"], ascending=[False, True], ignore_index=True)
        if _CELL in frame:
            frame = frame[frame[_CELL].isna() | ~frame.duplicated(_CELL)].reset_index(drop=True)
        return frame

    def read(
        self, experiment_id: str, tags: Mapping[str, list[str]] = MappingProxyType({})
    ) -> "pd.DataFrame":
        """Return the runs that have these tags, from the store's tables where they can be read."""
        tags, texts = {"kind": self.kinds, **tags}, required_texts(self.where)
        if backends := texts.get("backend"):
            texts["backend"] = backends | {old for old, new in FIRST_BACKENDS.items() if new in backends}
        found = sql.read(self.uri, experiment_id, tags, self.status, self._column_of, texts)
        if found is None:
            return client.read(self.uri, experiment_id, tags, self.status, self._column_of)
        return found

    def _column_of(self, key: str) -> str | None:
        """Return the column of a parameter, tag or metric; None leaves it unread."""
        if key.startswith(("mlflow.", "in_")):
            return None
        name = _RENAMED.get(key, name_of(key).replace(".", "_"))
        return name if self.asked is None or name in self._chosen else None

    @cached_property
    def _chosen(self) -> set[str]:
        return {*(self.asked or ()), *re.findall(r"[^\W\d]\w*", self.where or "")}
