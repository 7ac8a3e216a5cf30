"""Which evaluations an analysis uses: accuracies that are of the same images and speeds of one machine."""

import pandas as pd

ACCURACIES = ("top1", "top1_low", "top1_high", "top5")
_ONE = ["model", "backend", "precision"]
_ALIKE = ("dataset_digest", "host", "batch_size", "version_torch", "version_openvino")
_SIZE = "effective_input_size"
_SHARED = ("model", "source", "backend", "precision", _SIZE)


def comparable(runs: pd.DataFrame) -> pd.DataFrame:
    """The newest evaluation of each model, backend and precision, all of them alike in the rest.

    Args:
        runs: finished evaluations, as :func:`perfexp.load_runs` gives them.

    Returns:
        Those on the images, host, versions and batch size that most have in common.
    """
    if runs.empty:
        return runs
    runs = runs.astype({name: str for name in (*_ONE, "family", "display_name") if name in runs})
    shared = runs.reindex(columns=list(_ALIKE)).astype(object)
    alike = shared.groupby(list(_ALIKE), dropna=False).ngroup()
    newest = runs.assign(alike=alike).sort_values("start_time").drop_duplicates([*_ONE, "alike"], keep="last")
    common = newest["alike"].value_counts().idxmax()
    return newest[newest["alike"] == common].drop(columns="alike").sort_values(_ONE, ignore_index=True)


def joined(cells: pd.DataFrame, evaluations: pd.DataFrame) -> pd.DataFrame:
    """The cells with the accuracy measured on the same backend, in the same precision and input size."""
    keys = [name for name in _SHARED if name in cells and name in evaluations]
    known = _keyed(evaluations, keys).assign(**{name: evaluations[name] for name in ACCURACIES})
    found = _keyed(cells, keys).merge(known.drop_duplicates(keys), how="left", on=keys)
    return cells.assign(**{name: found[name].to_numpy() for name in ACCURACIES})


def _keyed(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The keys alone, in types that two frames have in common."""
    return frame[keys].astype({key: float if key == _SIZE else str for key in keys})
