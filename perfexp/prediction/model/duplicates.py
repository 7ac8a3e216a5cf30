"""Models that are the same work under two names: one must not be predicted from the other."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from perfexp.models.features import MULTIPLYING

_TOLERANCE = 0.01


def groups(cells: pd.DataFrame) -> NDArray[np.str_]:
    """Each cell's group of models, shape ``(N,)``, named by its first model.

    Two models are twins when at some input size their multiply-accumulates, kind by kind, differ
    by at most 1 % of their sum: VGG-16 with and without BatchNorm, a ResNet-50 with another
    normalisation. All sizes and batch sizes of a model are one group.
    """
    models = cells["model"].to_numpy(str)
    names, of_cell = np.unique(models, return_inverse=True)
    columns = [f"macs_{kind}" for kind in MULTIPLYING]
    works = cells[columns].assign(place=of_cell).drop_duplicates()
    macs = works[columns].to_numpy(float)
    total = macs.sum(axis=1)
    order = np.argsort(total, kind="stable")
    macs, total, place = macs[order], total[order], works["place"].to_numpy()[order]
    ends = np.searchsorted(total, total * (1 + _TOLERANCE), side="right")
    first: list[int] = []
    second: list[int] = []
    for row, end in enumerate(ends):
        close = np.abs(macs[row + 1 : end] - macs[row]).sum(axis=1) <= _TOLERANCE * total[row]
        found = np.flatnonzero(close) + row + 1
        first.extend([place[row]] * len(found))
        second.extend(place[found])
    ones = np.ones(len(first))
    _, component = connected_components(csr_array((ones, (first, second)), shape=(len(names),) * 2))
    leader = {part: names[np.flatnonzero(component == part)[0]] for part in np.unique(component)}
    return np.array([leader[component[place]] for place in of_cell])
