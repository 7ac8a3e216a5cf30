"""Measured accuracies: which evaluations can be compared, and which cell each belongs to."""

import pandas as pd

ACCURACIES = ("top1", "top1_low", "top1_high", "top5")
_EVALUATED = ["model", "backend", "precision"]
_COMMON = ("dataset_digest", "host", "batch_size", "version_torch", "version_openvino")
_SIZE = "effective_input_size"
_ACCURACY_OF = ("model", "source", "backend", "precision", _SIZE)


def comparable(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the newest evaluation of each model, backend and precision that can be compared.

    Args:
        runs: finished evaluations, as returned by :func:`perfexp.load_runs`.

    Returns:
        The evaluations on the images, host, versions and batch size that most have in common.
    """
    if runs.empty:
        return runs
    runs = runs.astype({name: str for name in (*_EVALUATED, "family", "display_name") if name in runs})
    conditions = runs.reindex(columns=list(_COMMON)).astype(object)
    runs = runs.assign(group=conditions.groupby(list(_COMMON), dropna=False).ngroup())
    newest = runs.sort_values("start_time", kind="stable").drop_duplicates(
        [*_EVALUATED, "group"], keep="last"
    )
    commonest = newest[newest["group"] == newest["group"].value_counts().idxmax()]
    return commonest.drop(columns="group").sort_values(_EVALUATED, ignore_index=True)


def joined(cells: pd.DataFrame, evaluations: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with the accuracy measured on the same backend, in the same precision and size."""
    keys = [name for name in _ACCURACY_OF if name in cells and name in evaluations]
    known = _keyed(evaluations, keys).assign(**{name: evaluations[name] for name in ACCURACIES})
    found = _keyed(cells, keys).merge(known.drop_duplicates(keys), how="left", on=keys)
    return cells.assign(**{name: found[name].to_numpy() for name in ACCURACIES})


def _keyed(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the key columns, in types that two frames have in common."""
    return frame[keys].astype({key: float if key == _SIZE else str for key in keys})
