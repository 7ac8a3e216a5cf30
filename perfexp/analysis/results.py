"""The results of an analysis: tables, findings, the reasons for what is missing; written as files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import pandas as pd

from perfexp.analysis.scaling.forms import AFFINE
from perfexp.analysis.spreadsheet import as_csv
from perfexp.config.schema import Accuracy

Tables = dict[str, pd.DataFrame]
"""By their names in Results."""
SCALING = ("model", "backend", "form", "params", "mape_in_sample", "ape_largest_batch", "selected")
_HEADERS = {
    "scaling": SCALING,
    "clusters": ("model", "family", "backend", "cluster", "silhouette", "stability"),
    "anova": ("term", "df", "sum_sq", "f", "p", "partial_eta_sq", "method"),
}
"""Columns of the files that are written even without rows."""


@dataclass(frozen=True)
class Results:
    """Tables from which charts and the report are made; an empty one has its reason in ``missing``.

    Every time is in ms; ``*_ms`` of a fit is the batch's latency unless named ``per_image``;
    ``cell`` means one model on one backend at one batch size.

    Attributes:
        runs: the cells that were used, one row each, as returned by :func:`perfexp.load_runs`.
        left_out: ``run_id, model, backend, batch_size, reason``.
        scaling: one row per model × backend × form: ``model, family, backend, form, params`` (JSON of
            the form's coefficients), ``mape_in_sample, ape_largest_batch`` (fractions), ``selected``;
            for the affine form also ``fixed_ms, marginal_ms, half_peak_batch_size``.
        bands: of the selected form: ``model, backend, form, batch_size, predicted_ms,
            confidence_low_ms, confidence_high_ms, prediction_low_ms, prediction_high_ms``.
        residuals: of the selected form: ``model, family, backend, batch_size, measured_ms,
            predicted_ms, relative_error, standardised, outlier``.
        clusters: ``model, family, backend, cluster`` (0 is the fastest), ``silhouette, stability``.
        cluster_bands: per cluster, pooled, per image: ``backend, cluster, batch_size,
            predicted_per_image_ms, low_per_image_ms, high_per_image_ms``.
        centroids: the study's variant, per backend: ``backend, batch_size, centroid_per_image_ms,
            predicted_per_image_ms, low_per_image_ms, high_per_image_ms, r_squared, models`` (how many
            the largest cluster has).
        axes: ``axis, level, against, pairs, ratio, low, high``; see :func:`perfexp.analysis.axes.effects`.
        anova: ``term, df, sum_sq, f, p, partial_eta_sq, method``.
        tukey: ``factor, group1, group2, mean_difference, low, high, p_adjusted, reject``.
        tukey_groups: ``factor, level, mean_latency_ms`` (geometric, of a batch, adjusted for the other
            factors), ``groups``: levels that share a letter do not differ significantly.
        assumptions: ``check, statistic, p, holds, remedy``.
        evaluations: accuracies measured on the same images, one row per model × backend × precision,
            as returned by :func:`perfexp.load_runs`.
        accuracy: the one that charts show; the measured one is in ``runs`` as ``top1, top5``.
        findings: sentences computed from the tables above.
        missing: table or figure to the reason why it is absent, in one sentence.
        labels: model to the name that charts and tables show.
    """

    runs: pd.DataFrame
    left_out: pd.DataFrame
    labels: Mapping[str, str]
    missing: Mapping[str, str]
    findings: tuple[str, ...] = ()
    accuracy: Accuracy = Accuracy.published
    scaling: pd.DataFrame = field(default_factory=pd.DataFrame)
    bands: pd.DataFrame = field(default_factory=pd.DataFrame)
    residuals: pd.DataFrame = field(default_factory=pd.DataFrame)
    clusters: pd.DataFrame = field(default_factory=pd.DataFrame)
    cluster_bands: pd.DataFrame = field(default_factory=pd.DataFrame)
    centroids: pd.DataFrame = field(default_factory=pd.DataFrame)
    axes: pd.DataFrame = field(default_factory=pd.DataFrame)
    anova: pd.DataFrame = field(default_factory=pd.DataFrame)
    tukey: pd.DataFrame = field(default_factory=pd.DataFrame)
    tukey_groups: pd.DataFrame = field(default_factory=pd.DataFrame)
    assumptions: pd.DataFrame = field(default_factory=pd.DataFrame)
    evaluations: pd.DataFrame = field(default_factory=pd.DataFrame)


def write_tables(results: Results, folder: Path) -> list[Path]:
    """Write one CSV file per table that has rows, at full precision, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {f.name: getattr(results, f.name) for f in fields(results)}
    frames = {name: table for name, table in tables.items() if isinstance(table, pd.DataFrame)}
    frames["scaling"] = results.scaling.reindex(columns=list(SCALING))
    frames["coefficients"] = _coefficients(results.scaling)
    written = []
    for name, frame in frames.items():
        if len(frame) or name in _HEADERS:
            path = folder / f"{name}.csv"
            table = frame if len(frame) else frame.reindex(columns=list(_HEADERS[name]))
            path.write_text(as_csv(table), encoding="utf-8")
            written.append(path)
    return written


def _coefficients(scaling: pd.DataFrame) -> pd.DataFrame:
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
