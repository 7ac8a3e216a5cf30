"""The chart of precisions and the choice between published and measured, read back from the artists."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perfexp import charts
from perfexp.analysis.results import Results
from perfexp.config.schema import Accuracy


def chart(name: str) -> charts.Chart:
    return next(found for found in charts.charts() if found.name == name)


@pytest.fixture(scope="module")
def few(build) -> Results:
    return build(count=4)


def test_each_models_line_joins_its_precisions_from_the_finest_on(few: Results) -> None:
    drawn = charts.draw(chart("precision"), few)
    assert [axes.get_title(loc="left") for axes in drawn.axes] == ["openvino", "torch"]
    evaluations = few.evaluations[few.evaluations["backend"] == "torch"]
    lines = [
        line for line in drawn.axes[1].lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 3
    ]
    assert len(lines) == 4
    drawn_points = {(x, y) for line in lines for x, y in zip(*line.get_data(), strict=True)}
    assert drawn_points == set(zip(evaluations["model_images_per_s"], evaluations["top1"], strict=True))
    assert all(np.all(np.diff(line.get_xdata()) > 0) for line in lines)  # f32, bf16, int8


def test_whiskers_reach_as_far_as_the_interval(few: Results) -> None:
    drawn = charts.draw(chart("precision"), few)
    segments = [
        segment
        for collection in drawn.axes[0].collections
        if hasattr(collection, "get_segments")
        for segment in collection.get_segments()
    ]
    assert len(segments) == 12
    assert [np.ptp(segment[:, 1]) for segment in segments] == pytest.approx([0.8] * 12)
    assert "95 % Wilson interval, n = 50,000 images of imagenet. Batch size 32." in drawn.get_supxlabel()


def test_a_mark_a_precision_and_a_colour_a_family(few: Results) -> None:
    drawn = charts.draw(chart("precision"), few)
    titles = {legend.get_title().get_text(): legend for legend in drawn.legends}
    shapes = {handle.get_marker() for handle in titles["Precision"].legend_handles}
    assert [text.get_text() for text in titles["Precision"].get_texts()] == ["f32", "bf16", "int8"]
    assert len(shapes) == 3
    families = {text.get_text() for text in titles["Family"].get_texts()}
    assert families == set(few.evaluations["family"].astype(str))


def test_without_evaluations_it_says_so(few: Results) -> None:
    with pytest.raises(charts.ChartMissing, match=r"^The analysis gave no evaluations\.$"):
        charts.draw(chart("precision"), replace(few, evaluations=pd.DataFrame()))


@pytest.mark.parametrize("name", ["top1_macs", "top5_macs", "accuracy_density", "accuracy_throughput"])
def test_the_axis_says_which_accuracy_it_is(name: str, few: Results) -> None:
    runs = few.runs.assign(top1=40.0 + few.runs["params"].rank(), top1_low=40.0, top1_high=99.0, top5=99.0)
    measured = replace(few, runs=runs, accuracy=Accuracy.measured)
    for results, word in ((few, "Published"), (measured, "Measured")):
        drawn = charts.draw(chart(name), results)
        labels = [label for axes in drawn.axes for label in (axes.get_xlabel(), axes.get_ylabel())]
        assert [label.split()[0] for label in labels if "accuracy" in label] == [word] * (
            2 if name == "accuracy_throughput" else 1
        )


def test_a_measured_accuracy_belongs_to_its_backend(few: Results) -> None:
    of_backend = few.runs["backend"].astype(str).map({"torch": 70.0, "openvino": 60.0})
    measured = replace(few, runs=few.runs.assign(top1=of_backend), accuracy=Accuracy.measured)
    drawn = charts.draw(chart("accuracy_throughput"), measured)
    for axes in drawn.axes:
        expected = 70.0 if axes.get_title(loc="left").startswith("torch") else 60.0
        assert set(axes.collections[0].get_offsets()[:, 1]) == {expected}
