"""Training data: the selected runs of an experiment, joined with their models' features."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from perfexp.cache import Cache
from perfexp.config.schema import ModelConfig
from perfexp.errors import ModelError, NothingToDo
from perfexp.models import description
from perfexp.records import RunKind
from perfexp.runs.query import RunQuery

if TYPE_CHECKING:
    import pandas as pd

KINDS = (RunKind.CELL, RunKind.PUBLISHED)
_REPORT_EVERY = 100


def cells(query: RunQuery, report: Callable[[str], None]) -> "pd.DataFrame":
    """Return one row a cell: names, batch size, ``latency_ms``, the model's features, and totals.

    Measured runs if there are any, else published ones. ``report`` takes a sentence for each model
    that is left out.

    Raises:
        NothingToDo: no run can be used.
    """
    import pandas as pd

    from perfexp.analysis.selection import select
    from perfexp.prediction.model.linear import with_totals

    runs = query.load(KINDS)
    if runs.empty:
        raise NothingToDo(
            f"The experiment {query.experiment_name!r} holds no finished run that matches "
            f"sweep={query.sweep} where={query.where}; measure some with perfexp, or import a table."
        )
    if runs["kind"].nunique() > 1:
        runs = runs[runs["kind"] == RunKind.CELL]
    named = {"library_name": runs["model"].astype(str), "runtime": runs["backend"].astype(str)}
    chosen = select(runs.assign(**named), query.allow_mixed).cells
    features, reasons = _profiles(chosen, query.cache, report)
    for model, reason in reasons.items():
        report(f"left out {model}: {reason}")
    if features.empty:
        raise NothingToDo(
            "No run's model is one of torchvision's or timm's, whose features a prediction needs; "
            "import the table with a source that says where its models come from."
        )
    plain = chosen.assign(variant=chosen["model"], model=chosen["library_name"]).loc[features.index]
    return with_totals(
        pd.concat([plain.drop(columns=plain.columns.intersection(features.columns)), features], axis=1)
    )


def _profiles(
    chosen: "pd.DataFrame", cache: Cache, report: Callable[[str], None]
) -> tuple["pd.DataFrame", dict[str, str]]:
    """Return the features of each row whose model can be traced, by index, and why other models have none."""
    import pandas as pd

    sizes = pd.to_numeric(chosen.reindex(columns=["effective_input_size"])["effective_input_size"])
    sources = chosen.reindex(columns=["source"])["source"]
    rows: dict[object, object] = {}
    reasons: dict[str, str] = {}
    known: dict[tuple[str, str, int | None], object] = {}
    for index, name, source, size in zip(chosen.index, chosen["library_name"], sources, sizes, strict=True):
        if pd.isna(source):
            reasons[name] = "its run does not say which library it comes from."
            continue
        key = (str(source), str(name), None if pd.isna(size) else int(size))
        try:
            if key not in known:
                known[key] = description.describe(ModelConfig(*key[:2]), key[2], cache).features
                if len(known) % _REPORT_EVERY == 0:
                    report(f"{len(known)} networks traced or found in the cache.")
            rows[index] = known[key]
        except ModelError as error:
            reasons[name] = str(error)
    return pd.DataFrame.from_dict(rows, orient="index"), reasons
