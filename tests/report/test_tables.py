import base64
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perfexp.report import tables


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000012345, "1.23e-05"), (0.012344, "0.01234"), (1.23456, "1.235"), (0.0, "0"),
        (1234567.8, "1,234,568"),
        (12, "12"), (61_100_840, "61,100,840"), (3e15, "3.000e+15"), (float("nan"), "–"), (True, "yes"),
        ("resnet18", "resnet18"), (None, "–"),
    ],
)  # fmt: skip
def test_numbers_as_written(value: object, text: str) -> None:
    assert tables._cell(value).text == text


def test_cells_sort_by_the_unrounded_value() -> None:
    assert tables._cell(1.23456789).value == "1.23456789"
    assert tables._cell(np.float64(1.5)).value == "1.5"
    assert tables._cell(np.int64(3)).number


def test_the_embedded_csv_holds_all_digits(study) -> None:
    [anova] = [table for table in tables.tables(study) if table.spec.name == "anova"]
    content = base64.b64decode(anova.csv.split(",", 1)[1])
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(content)), study.anova, check_dtype=False)


def test_selected_forms_and_furthest_residuals_come_first(study) -> None:
    found = {table.spec.name: table for table in tables.tables(study)}
    selected = list(found["scaling"].columns).index("selected")
    assert [row[selected].text for row in found["scaling"].rows[:66]] == ["yes"] * 66
    far = list(found["residuals"].columns).index("standardised")
    sizes = [abs(float(row[far].value)) for row in found["residuals"].rows]
    assert sizes == sorted(sizes, reverse=True)


def test_points_that_only_draw_the_curve_are_not_listed(study) -> None:
    grid = study.centroids.assign(
        centroid_per_image_ms=np.nan, batch_size=study.centroids["batch_size"] * 1.1
    )
    dense = replace(study, centroids=pd.concat([study.centroids, grid]))
    [centroids] = [table for table in tables.tables(dense) if table.spec.name == "centroids"]
    assert centroids.total == len(centroids.rows) == len(study.centroids)


def test_reasons_are_counted(study) -> None:
    reasons, table = tables.left_out(study)
    assert sorted(reasons) == [("out of memory", 1), ("tainted: <b>steal</b> 12 %", 1)]
    assert table is not None and table.total == 2


def test_long_tables_are_cut_and_carry_no_csv(build) -> None:
    found = {table.spec.name: table for table in tables.tables(build(["torch"], count=60))}
    runs, anova = found["runs"], found["anova"]
    assert (len(runs.rows), runs.total, runs.csv) == (tables.MAX_ROWS, 420, "")
    assert anova.csv and len(anova.rows) == anova.total
