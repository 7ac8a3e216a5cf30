"""What an analysis found: tables, sentences, and what is missing with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from perfexp.config.schema import Accuracy


@dataclass(frozen=True)
class Results:
    """Plain tables that charts and the report are made from; an empty one has its reason in ``missing``.

    Every time is in ms; ``*_ms`` of a fit is the batch's latency unless named ``per_image``;
    ``cell`` means one model on one backend at one batch size.

    Attributes:
        runs: the cells that were used, as :func:`perfexp.load_runs` gives them, one row a cell.
        left_out: ``run_id, model, backend, batch_size, reason``.
        scaling: one row a model × backend × form: ``model, family, backend, form, params`` (JSON of
            the form's coefficients), ``mape_in_sample, ape_largest_batch`` (fractions), ``selected``;
            for the affine form also ``fixed_ms, marginal_ms, half_peak_batch_size``.
        bands: of the selected form: ``model, backend, form, batch_size, predicted_ms,
            confidence_low_ms, confidence_high_ms, prediction_low_ms, prediction_high_ms``.
        residuals: of the selected form: ``model, family, backend, batch_size, measured_ms,
            predicted_ms, relative_error, standardised``.
        clusters: ``model, family, backend, cluster`` (0 is the fastest), ``silhouette, stability``.
        cluster_bands: per cluster, pooled, per image: ``backend, cluster, batch_size,
            predicted_per_image_ms, low_per_image_ms, high_per_image_ms``.
        centroids: the study's variant, per backend: ``backend, batch_size, centroid_per_image_ms,
            predicted_per_image_ms, low_per_image_ms, high_per_image_ms, r_squared, models`` (how many
            the largest cluster has).
        anova: ``term, df, sum_sq, f, p, partial_eta_sq, method``.
        tukey: ``factor, group1, group2, mean_difference, low, high, p_adjusted, reject``.
        tukey_groups: ``factor, level, mean_latency_ms`` (geometric, of a batch, adjusted for the other
            factors), ``groups``: levels that share a letter are not told apart.
        assumptions: ``check, statistic, p, holds, remedy``.
        evaluations: accuracies that were measured on the same images, one row a model × backend ×
            precision, as :func:`perfexp.load_runs` gives them.
        accuracy: which one charts show; the measured one is in ``runs`` as ``top1, top5``.
        findings: sentences computed from the tables above.
        missing: table or figure to one sentence on why it is not there.
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
