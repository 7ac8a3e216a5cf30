"""Run all parts of an analysis on the selected cells."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pandas as pd

from perfexp.analysis import clusters, findings, variance
from perfexp.analysis.names import listed
from perfexp.analysis.results import Results
from perfexp.analysis.scaling import compare
from perfexp.analysis.selection import Selection

Stage = Callable[[str], AbstractContextManager[None]]
_NAMED = 5
_ACCURACY = {"published_top1": "top-1", "published_top5": "top-5"}


def analyse(selection: Selection, seed: int, stage: Stage) -> Results:
    """Return every table and finding; ``stage`` is a context around each part, for timing."""
    missing: dict[str, str] = {}
    scalable = _scalable(selection, missing)
    with stage("regressions"):
        fits = compare.analyse(scalable) if len(scalable) else None
    with stage("clusters"):
        grouped = clusters.analyse(selection.cells, seed)
    with stage("variance"):
        varied = variance.analyse(selection.cells)
    with stage("findings"):
        sentences = findings.write(selection, fits, grouped, varied)
    missing |= {**grouped.missing, **varied.missing, **_unpublished(selection), **_alone(selection)}
    nothing = pd.DataFrame()
    return Results(
        runs=selection.cells,
        left_out=selection.left_out,
        scaling=fits.table if fits else nothing,
        bands=fits.bands if fits else nothing,
        residuals=fits.residuals if fits else nothing,
        clusters=grouped.members,
        cluster_bands=grouped.bands,
        centroids=grouped.centroids,
        anova=varied.anova,
        tukey=varied.tukey,
        tukey_groups=varied.tukey_groups,
        assumptions=varied.assumptions,
        findings=sentences,
        missing=missing,
        labels=selection.labels,
    )


def _scalable(selection: Selection, missing: dict[str, str]) -> pd.DataFrame:
    """Return the cells of curves with enough batch sizes; add the other models to ``missing``."""
    cells = selection.cells
    sizes = cells.groupby(list(compare.KEYS))["batch_size"].transform("nunique")
    short = cells[sizes < compare.MIN_SIZES]
    if len(short):
        everything = "No model has" if len(short) == len(cells) else "These have no"
        missing["scaling"] = (
            f"{everything} {compare.MIN_SIZES} batch sizes on one backend, which a regression needs: "
            f"{_names(short, selection)}."
        )
    return cells[sizes >= compare.MIN_SIZES]


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
