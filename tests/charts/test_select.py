from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perfexp.charts import ChartMissing, select


def test_repeated_cells_give_their_median(build) -> None:
    one = build(["torch"], count=1)
    again = [one.runs.assign(latency_per_image_ms=one.runs["latency_per_image_ms"] * f) for f in (1, 3, 100)]
    cells = select.cells(replace(one, runs=pd.concat(again)))
    assert len(cells) == 7
    assert cells["latency_per_image_ms"].tolist() == pytest.approx(
        (3 * one.runs.sort_values("batch_size")["latency_per_image_ms"]).tolist()
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_what_is_not_a_positive_number_is_not_drawn(bad: float, build) -> None:
    one = build(["torch"], count=1)
    runs = one.runs.assign(latency_per_image_ms=[bad, *one.runs["latency_per_image_ms"][1:]])
    assert len(select.cells(replace(one, runs=runs))) == 6


def test_a_missing_column_is_named_with_its_meaning(study) -> None:
    runs = study.runs.drop(columns="macs")
    with pytest.raises(ChartMissing, match=r"No run has macs \(multiply-accumulates for one image"):
        select.per_model(replace(study, runs=runs), "macs")


def test_backends_beyond_the_limit_are_named(build) -> None:
    cells = select.cells(build(["torch", "openvino", "onnxruntime"], count=2))
    assert select.backends(cells, most=2)[1].startswith("Not drawn, having fewer runs: ")


def test_models_that_share_a_label_are_told_apart(build) -> None:
    two = build(["torch"], count=2)
    cells = select.cells(replace(two, labels=dict.fromkeys(two.labels, "Net")))
    assert sorted(cells["label"].unique()) == ["Net (alexnet)", "Net (vgg11)"]
