"""The results of an analysis: tables, findings, and the reasons for what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from perfexp.config.schema import Accuracy


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
    scaling: pd.DataFrame
    bands: pd.DataFrame
    residuals: pd.DataFrame
    clusters: pd.DataFrame
    cluster_bands: pd.DataFrame
    centroids: pd.DataFrame
    anova: pd.DataFrame
    tukey: pd.DataFrame
    assumptions: pd.DataFrame
    findings: tuple[str, ...]
    missing: Mapping[str, str]
    labels: Mapping[str, str]
    tukey_groups: pd.DataFrame = field(default_factory=pd.DataFrame)
    evaluations: pd.DataFrame = field(default_factory=pd.DataFrame)
    accuracy: Accuracy = Accuracy.published
