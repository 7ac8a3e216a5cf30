"""Write an analysis' tables as CSV files and its fitted models as JSON."""

import json
from dataclasses import fields
from pathlib import Path

import pandas as pd

from perfexp.analysis.results import Results
from perfexp.analysis.scaling.forms import AFFINE

SCALING = ("model", "backend", "form", "params", "mape_in_sample", "ape_largest_batch", "selected")
_HEADERS = {
    "scaling": SCALING,
    "clusters": ("model", "family", "backend", "cluster", "silhouette", "stability"),
    "anova": ("term", "df", "sum_sq", "f", "p", "partial_eta_sq", "method"),
}
"""Columns of the files that are written even without rows."""


def write(results: Results, folder: Path) -> list[Path]:
    """Write one CSV file per table that has rows, at full precision, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {f.name: getattr(results, f.name) for f in fields(results)}
    frames = {name: table for name, table in tables.items() if isinstance(table, pd.DataFrame)}
    frames["scaling"] = results.scaling.reindex(columns=list(SCALING))
    frames["coefficients"] = coefficients(results.scaling)
    written = []
    for name, frame in frames.items():
        if len(frame) or name in _HEADERS:
            path = folder / f"{name}.csv"
            (frame if len(frame) else frame.reindex(columns=list(_HEADERS[name]))).to_csv(path, index=False)
            written.append(path)
    return written


def coefficients(scaling: pd.DataFrame) -> pd.DataFrame:
    """Return the coefficients of the affine and the selected form, one per row, with 95 % limits."""
    if scaling.empty:
        return pd.DataFrame()
    chosen = scaling[scaling["selected"] | (scaling["form"] == AFFINE.name)]
    rows = []
    for model, backend, form, values, intervals in zip(
        *(chosen[c] for c in ("model", "backend", "form", "params", "intervals")), strict=True
    ):
        limits = json.loads(intervals)
        rows += [
            (model, backend, form, name, value, *limits[name]) for name, value in json.loads(values).items()
        ]
    return pd.DataFrame(rows, columns=["model", "backend", "form", "coefficient", "value", "low", "high"])


def fitted_models(scaling: pd.DataFrame) -> str:
    """Return the selected form and its coefficients, of each model on each backend, as JSON."""
    if scaling.empty:
        return "[]"
    chosen = scaling[scaling["selected"]]
    models = [
        {"model": model, "backend": backend, "form": form, "coefficients": json.loads(values)}
        for model, backend, form, values in zip(
            *(chosen[c] for c in ("model", "backend", "form", "params")), strict=True
        )
    ]
    return json.dumps(models, indent=1)
