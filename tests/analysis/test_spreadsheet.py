import io

import pandas as pd

from perfexp.analysis.spreadsheet import as_csv


def test_no_name_becomes_a_formula() -> None:
    names = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-2+3", "resnet18", None]
    frame = pd.DataFrame({"model": pd.Categorical(names), "reason": names, "fixed_ms": [-1.5] * 6})
    read = pd.read_csv(io.StringIO(as_csv(frame)))
    expected = ["'=cmd|' /C calc'!A0", "'@SUM(1)", "'+1", "'-2+3", "resnet18"]
    assert read["model"].tolist()[:5] == read["reason"].tolist()[:5] == expected
    assert read["fixed_ms"].tolist() == [-1.5] * 6


def test_other_tables_are_as_pandas_writes_them() -> None:
    frame = pd.DataFrame({"model": ["a,b", 'c"d'], "ms": [0.1 + 0.2, float("nan")], "ok": [True, False]})
    assert as_csv(frame) == frame.to_csv(index=False)
