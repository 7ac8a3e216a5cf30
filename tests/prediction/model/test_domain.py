import pandas as pd

from perfexp.prediction.model.domain import duplicates


def test_the_same_work_under_two_names_is_one_group(cells: pd.DataFrame) -> None:
    copy = cells[cells["model"] == "net03"].assign(model="net03_bn", layers_norm=20)
    both = pd.concat([cells, copy], ignore_index=True)
    groups = pd.Series(duplicates(both))
    assert set(groups[both["model"] == "net03_bn"]) == set(groups[both["model"] == "net03"]) == {"net03"}
    assert groups.nunique() == len(set(duplicates(cells)))
