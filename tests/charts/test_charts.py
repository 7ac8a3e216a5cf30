"""What every figure must keep, whatever it shows."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import matplotlib
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Tick
from matplotlib.figure import Figure

from perfexp import charts
from perfexp.charts import canvas

ALL = charts.charts()
PUBLISHED_ONLY = ["model", "family", "backend", "batch_size", "latency_per_image_ms"]


@pytest.fixture(params=ALL, ids=lambda chart: chart.name)
def chart(request: pytest.FixtureRequest) -> charts.Chart:
    return request.param


def test_the_studys_figures_are_all_there() -> None:
    assert {
        "top1_macs", "top5_macs", "accuracy_density", "latency_table", "latency_clusters",
        "latency_centroids", "accuracy_throughput", "precision", "memory_params", "backend_speedup",
        "throughput_batch", "predicted_measured", "fit_residuals",
    } <= {chart.name for chart in ALL}  # fmt: skip


def test_names_and_places_are_unique() -> None:
    assert len({chart.name for chart in ALL}) == len({chart.order for chart in ALL}) == len(ALL)


def test_there_is_a_title_and_a_sentence(chart: charts.Chart) -> None:
    assert chart.title and chart.caption.endswith(".")


@pytest.fixture(scope="module")
def drawn_study(study) -> Callable[[charts.Chart], Figure]:
    """The chart's figure of the study, drawn once."""
    return cache(lambda chart: charts.draw(chart, study))


def test_outer_axes_have_labels_with_a_unit(chart: charts.Chart, drawn_study) -> None:
    drawn = drawn_study(chart)
    labels = [axes.get_xlabel() for axes in drawn.axes] + [axes.get_ylabel() for axes in drawn.axes]
    written = [label for label in labels if label]
    assert written
    assert all(label.endswith(")") for label in written), written


def test_no_two_texts_of_a_panel_overlap(chart: charts.Chart, drawn_study) -> None:
    assert not overlaps(drawn_study(chart))


def test_nothing_is_cut_at_the_edge(chart: charts.Chart, drawn_study) -> None:
    drawn = drawn_study(chart)
    whole = drawn.bbox.padded(1)
    for text in [*texts(drawn), *(text for legend in drawn.legends for text in legend.get_texts())]:
        box = text.get_window_extent()
        assert whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1), text.get_text()


def test_the_same_results_give_the_same_bytes_and_leave_no_settings(
    chart: charts.Chart, build, tmp_path
) -> None:
    few = build(count=2)
    before = dict(matplotlib.rcParams)
    first = canvas.save(charts.draw(chart, few), tmp_path, "first")
    second = canvas.save(charts.draw(chart, few), tmp_path, "second")
    assert dict(matplotlib.rcParams) == before
    assert [path.suffix for path in first] == [".svg", ".png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_without_any_run_there_is_a_reason_instead(chart: charts.Chart, study) -> None:
    tables = {name: value.head(0) for name, value in vars(study).items() if isinstance(value, pd.DataFrame)}
    with pytest.raises(charts.ChartMissing, match=r"^[A-Z].*\.$"):
        charts.draw(chart, replace(study, **tables))


def test_a_table_of_times_alone_gives_a_figure_or_a_reason(chart: charts.Chart, study) -> None:
    bare = replace(study, runs=study.runs[PUBLISHED_ONLY], labels={})
    needs_more = {"top1_macs", "top5_macs", "accuracy_density", "accuracy_throughput", "memory_params"}
    if chart.name in needs_more:
        with pytest.raises(charts.ChartMissing, match=r"^No run has .*\.$"):
            charts.draw(chart, bare)
    else:
        assert charts.draw(chart, bare).axes


def test_one_model_on_one_backend(chart: charts.Chart, build) -> None:
    one = build(["torch"], count=1)
    if chart.name == "backend_speedup":
        with pytest.raises(charts.ChartMissing, match="needs two backends, and all runs are of torch"):
            charts.draw(chart, one)
    else:
        assert charts.draw(chart, one).axes


def test_long_names_of_backends_stay_within_the_figure(chart: charts.Chart, build) -> None:
    few = build(count=4)
    long = {"torch": "torch-amp-nhwc-pt240-cu124-rtx3090", "openvino": "openvino-f32-nchw-i9_10940x-dynamo"}
    tables = {
        name: table.assign(backend=table["backend"].astype(str).map(long))
        for name, table in vars(few).items()
        if isinstance(table, pd.DataFrame) and "backend" in table
    }
    drawn = charts.draw(chart, replace(few, **tables))
    titles = [axes._left_title.get_window_extent() for axes in drawn.axes if axes.get_title(loc="left")]
    legends = [legend.get_window_extent() for legend in drawn.legends]
    assert all(box.x1 <= drawn.bbox.x1 for box in [*titles, *legends])
    for index, box in enumerate(titles):
        assert not any(box.overlaps(other) for other in [*titles[:index], *legends])


@pytest.mark.slow
def test_hundreds_of_models(chart: charts.Chart, build) -> None:
    assert charts.draw(chart, build(count=250)).axes


def test_no_pyplot_and_no_framework_is_imported() -> None:
    code = (
        "import sys, perfexp.report; from perfexp import charts; charts.charts(); "
        "print(sorted({'torch', 'openvino', 'mlflow', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def texts(drawn: Figure) -> list[matplotlib.text.Text]:
    found = [*drawn.texts, *(text for axes in drawn.axes for text in axes.texts)]
    found += [tick.label1 for axes in drawn.axes for tick in ticks(axes)]
    found += [label for axes in drawn.axes for label in (axes.xaxis.label, axes.yaxis.label)]
    return [text for text in found if text.get_text() and text.get_visible()]


def ticks(axes: Axes) -> list[Tick]:
    return [
        tick
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if axis.get_view_interval()[0] <= tick.get_loc() <= axis.get_view_interval()[1]
    ]


def overlaps(drawn: Figure) -> list[tuple[str, str]]:
    found = []
    for axes in drawn.axes:
        boxes = [(text.get_text(), text.get_window_extent()) for text in axes.texts]
        for index, (name, box) in enumerate(boxes):
            found += [(name, other) for other, second in boxes[:index] if box.overlaps(second)]
    return found
