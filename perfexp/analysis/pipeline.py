"""Run all parts of an analysis on the selected cells."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import pandas as pd

from perfexp.analysis import axes, clusters, findings, variance
from perfexp.analysis.names import listed
from perfexp.analysis.results import Results
from perfexp.analysis.scaling import compare
from perfexp.analysis.selection import Selection
from perfexp.config.schema import Accuracy

Stage = Callable[[str], AbstractContextManager[None]]
_NAMED = 5
_ACCURACY = {"published_top1": "top-1", "published_top5": "top-5"}


def analyse(selection: Selection, seed: int, stage: Stage) -> Results:
    """Return every table and finding; ``stage`` is a context around each part, for timing."""
    cells, missing = selection.cells, {}
    sizes = cells.groupby(list(compare.KEYS))["batch_size"].transform("nunique")
    scalable, short = cells[sizes >= compare.MIN_SIZES], cells[sizes < compare.MIN_SIZES]
    if len(short):
        missing["scaling"] = (
            f"{'These have no' if len(scalable) else 'No model has'} {compare.MIN_SIZES} batch sizes on one "
            f"backend, which a regression needs: {_names(short, selection)}."
        )
    tables, foreseen = {}, np.empty(0)
    with stage("regressions"):
        if len(scalable):
            fits = compare.analyse(scalable)
            tables = {"scaling": fits.table, "bands": fits.bands, "residuals": fits.residuals}
            foreseen = fits.foreseen
    with stage("clusters"):
        grouped, ungrouped = clusters.analyse(cells, seed)
    with stage("variance"):
        varied, unvaried = variance.analyse(cells)
    with stage("swept keys"):
        effects = axes.effects(cells)
    results = Results(
        runs=cells,
        left_out=selection.left_out,
        labels=selection.labels,
        missing={**missing, **ungrouped, **unvaried, **_unpublished(selection), **_alone(selection)},
        findings=(),
        accuracy=Accuracy.published,
        axes=effects,
        **tables,
        **grouped,
        **varied,
    )
    with stage("findings"):
        return replace(results, findings=findings.write(results, foreseen))


def _unpublished(selection: Selection) -> dict[str, str]:
    cells, missing = selection.cells, {}
    for column, rank in _ACCURACY.items():
        known = cells.reindex(columns=[column])[column].notna()
        if not known.all():
            who = _names(cells[~known], selection) if known.any() else "any of the models"
            missing[column] = f"No published {rank} accuracy is known for {who}; charts of it go without."
    return missing


def _alone(selection: Selection) -> dict[str, str]:
    families = selection.cells["family"].unique()
    if len(families) > 1:
        return {}
    return {"families": f"All models are of the family {families[0]}, so that families are not compared."}


def _names(cells: pd.DataFrame, selection: Selection) -> str:
    return listed([selection.labels[model] for model in cells["model"].unique()], _NAMED)
