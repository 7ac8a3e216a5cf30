"""Write runs as timm's benchmark tables, one file for each backend.

  perfexp export sweep=quick output=FOLDER

The columns are those of timm's benchmark.py; infer_step_time is the mean time of a batch in ms.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import MISSING

from perfexp.analysis.spreadsheet import as_csv
from perfexp.config.options import option
from perfexp.config.schema import Data
from perfexp.console import say
from perfexp.errors import NothingToDo
from perfexp.records import FINISHED
from perfexp.runs import query

if TYPE_CHECKING:
    import pandas as pd

NEEDS_ARGUMENTS = True
_SETTINGS = ["precision", "device", "backend", "threads"]
_CELL = ["model", "infer_img_size", "infer_batch_size"]
_UNTOLD = ("", "None")
_TIMM = {"f32": "fp32", "f16": "fp16"}
"""How timm calls a precision where its word is another one."""


@dataclass
class Config(query.RunQuery):
    """Which runs are written, and where."""

    data: Data | None = option(None, "null: measured runs, or published ones where there are no others")
    output: str = option(MISSING, "folder of the tables, made if there is none")


def main(settings: Config) -> None:
    """Write the tables and print their names.

    Raises:
        NothingToDo: no run has a latency.
    """
    runs = query.cells(settings, settings.data)
    runs = runs[(runs["status"] == FINISHED) & runs["latency_mean_ms"].notna()]
    if runs.empty:
        raise NothingToDo(f"No run of the experiment {settings.experiment_name!r} has a latency to write.")
    folder = Path(settings.output).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    texts = [runs.reindex(columns=[name])[name].astype(object).fillna("").astype(str) for name in _SETTINGS]
    for told, part in runs.groupby(texts):
        path = folder / f"benchmark-infer-{_stem(*map(str, told))}.csv"
        table = _table(part)
        path.write_text(as_csv(table), encoding="utf-8")
        say(f"{len(table):5} rows  {path}")


def _stem(precision: str, device: str, backend: str, threads: str) -> str:
    """Return the settings as timm's file names tell them; those that are not known are left out."""
    counted = f"{float(threads):g}threads" if threads not in _UNTOLD else ""
    words = (_TIMM.get(precision, precision), device, backend, counted)
    return "-".join(re.sub(r"[^\w.]+", "_", word) for word in words if word not in _UNTOLD)


def _table(runs: "pd.DataFrame") -> "pd.DataFrame":
    """Return timm's columns, the newest run of each cell, the fastest first."""
    import pandas as pd

    told = runs.reindex(columns=["effective_input_size", "params", "macs"])
    table = pd.DataFrame({
        "model": runs["model"].astype(str),
        "infer_img_size": pd.to_numeric(told["effective_input_size"], errors="coerce").astype("Int64"),
        "infer_samples_per_sec": 1e3 * runs["batch_size"].astype(float) / runs["latency_mean_ms"],
        "infer_step_time": runs["latency_mean_ms"],
        "infer_batch_size": runs["batch_size"].astype("Int64"),
        "param_count": told["params"].astype(float) / 1e6,
        "infer_gmacs": told["macs"].astype(float) / 1e9,
    })  # fmt: skip
    newest = table.assign(at=runs["start_time"]).sort_values("at").drop_duplicates(_CELL, keep="last")
    ordered: pd.DataFrame = newest.drop(columns="at").sort_values("infer_samples_per_sec", ascending=False)
    return ordered
