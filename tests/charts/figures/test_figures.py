"""What single figures show, read back from their artists."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from perfexp import charts
from perfexp.charts import Chart, canvas
from perfexp.charts.figures import backend_speedup


def chart(name: str) -> Chart:
    return next(found for found in charts.charts() if found.name == name)


def note(drawn) -> str:
    return drawn.get_supxlabel().replace("\n", " ")


@pytest.mark.parametrize(
    ("name", "column"), [("top1_macs", "published_top1"), ("top5_macs", "published_top5")]
)
def test_balls_stand_where_the_facts_are_and_all_have_their_name(name: str, column: str, study) -> None:
    drawn = charts.draw(chart(name), study)
    [axes] = drawn.axes
    [balls] = axes.collections
    models = study.runs.drop_duplicates("model")
    assert sorted(balls.get_offsets()[:, 1]) == pytest.approx(sorted(models[column]))
    assert sorted(balls.get_offsets()[:, 0]) == pytest.approx(sorted(models["macs"] / 1e9))
    assert sorted(text.get_text() for text in axes.texts) == sorted(models["display_name"])


def test_a_balls_area_is_proportional_to_parameters(study) -> None:
    [balls] = charts.draw(chart("top1_macs"), study).axes[0].collections
    params = study.runs.drop_duplicates("model").set_index("published_top1")["params"]
    ratio = balls.get_sizes() / params.loc[np.asarray(balls.get_offsets()[:, 1])].to_numpy()
    large = balls.get_sizes() > balls.get_sizes().min()
    assert ratio[large] == pytest.approx(ratio[0])


def test_models_without_accuracy_are_counted_not_drawn(study) -> None:
    runs = study.runs.assign(
        published_top1=study.runs["published_top1"].where(study.runs["model"] != "vgg11")
    )
    drawn = charts.draw(chart("top1_macs"), replace(study, runs=runs))
    assert "VGG-11" not in [text.get_text() for text in drawn.axes[0].texts]
    assert "1 model without accuracy, MACs or parameters is not drawn." in note(drawn)


def test_thousands_of_balls_label_the_frontier_alone(build) -> None:
    drawn = charts.draw(chart("top1_macs"), build(["torch"], count=500))
    assert 0 < len(drawn.axes[0].texts) < 40
    assert note(drawn).startswith("500 models; labelled")


def test_whiskers_of_imagenets_validation_set_only(study) -> None:
    unknown = study.runs.assign(published_weights="someone's")
    known = charts.draw(chart("accuracy_density"), study)
    without = charts.draw(chart("accuracy_density"), replace(study, runs=unknown))
    assert "n = 50,000" in note(known)
    assert "No whiskers" in note(without)
    [segments] = [c.get_segments() for c in known.axes[0].collections]
    low, high = (segments[0][:, 0].min(), segments[0][:, 0].max())
    worst = study.runs.drop_duplicates("model").assign(d=lambda f: f["published_top1"] / (f["params"] / 1e6))
    row = worst.nsmallest(1, "d").iloc[0]
    share, reach = row["published_top1"] / 100, 1.96 * np.sqrt(0.7238 * 0.2762 / 50_000)
    assert low == pytest.approx((share - reach) * 100 / (row["params"] / 1e6), rel=1e-3)
    assert high == pytest.approx((share + reach) * 100 / (row["params"] / 1e6), rel=1e-3)


def test_fifty_bars_at_most_and_it_says_so(build) -> None:
    drawn = charts.draw(chart("accuracy_density"), build(["torch"], count=120))
    assert len(drawn.axes[0].patches) == 50
    assert "50 densest of 120 models" in note(drawn)


def test_the_table_prints_the_studys_numbers(study) -> None:
    drawn = charts.draw(chart("latency_table"), study)
    torch = next(axes for axes in drawn.axes if axes.get_title(loc="left") == "torch")
    printed = [text.get_text() for text in torch.texts]
    assert len(printed) == 33 * 7
    assert {"3.13", "0.25", "90.5", "2.19"} <= set(printed)


def test_the_table_leaves_unmeasured_cells_blank(study) -> None:
    runs = study.runs[~((study.runs["model"] == "vgg11") & (study.runs["batch_size"] == 64))]
    drawn = charts.draw(chart("latency_table"), replace(study, runs=runs))
    assert sum(len(axes.texts) for axes in drawn.axes) == 2 * (33 * 7 - 1)
    assert "Blank: not measured, or left out." in note(drawn)


def test_a_known_speedup_is_found(build) -> None:
    study = build(["torch"])
    twice = study.runs.assign(backend="openvino", latency_per_image_ms=study.runs["latency_per_image_ms"] / 2)
    both = replace(study, runs=pd.concat([study.runs.astype({"backend": str}), twice]))
    drawn = charts.draw(chart("backend_speedup"), both)
    [legend] = drawn.legends
    assert legend.get_texts()[0].get_text() == "openvino: 2.00 × over all 33 models"
    assert drawn.axes[0].lines[0].get_xdata() == pytest.approx(np.full(33, 2.0))


def test_known_slopes_of_memory_are_found(study) -> None:
    runs = study.runs.assign(memory_model_mb=12 + 4 * study.runs["params"] / 1e6)
    drawn = charts.draw(chart("memory_params"), replace(study, runs=runs))
    legend = drawn.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()][:2] == [
        "all models: 4.00 (4.00 to 4.00)",
        "VGG: 4.00 (4.00 to 4.00)",
    ]


def test_throughput_is_that_of_the_time_per_image(study) -> None:
    drawn = charts.draw(chart("accuracy_throughput"), study)
    panel = next(axes for axes in drawn.axes if axes.get_title(loc="left") == "torch, batch size 1")
    assert max(panel.collections[0].get_offsets()[:, 0]) == pytest.approx(1000 / 3.13)


def test_a_backend_with_one_batch_size_has_one_panel(build) -> None:
    study = build(["torch", "openvino"])
    odd = (study.runs["backend"] == "torch") | (study.runs["batch_size"] == 32)
    drawn = charts.draw(chart("accuracy_throughput"), replace(study, runs=study.runs[odd]))
    assert [axes.get_title(loc="left") for axes in drawn.axes] == [
        "openvino, batch size 32",
        "torch, batch size 1",
        "torch, best batch size of each model",
    ]


def test_the_smallest_batch_is_named_when_it_is_not_one(study) -> None:
    runs = study.runs[study.runs["batch_size"] >= 8]
    drawn = charts.draw(chart("accuracy_throughput"), replace(study, runs=runs))
    assert drawn.axes[0].get_title(loc="left") == "openvino, batch size 8"


def test_one_batch_size_has_no_throughput_curve(study) -> None:
    runs = study.runs[study.runs["batch_size"] == 1]
    with pytest.raises(charts.ChartMissing, match="No model was run at two batch sizes"):
        charts.draw(chart("throughput_batch"), replace(study, runs=runs))


def test_the_studys_oddities_are_named_among_the_residuals(study) -> None:
    drawn = charts.draw(chart("fit_residuals"), study)
    torch = next(axes for axes in drawn.axes if axes.get_title(loc="left") == "torch")
    assert {"DenseNet-201", "ResNeXt-50 (32x4d)"} <= {text.get_text() for text in torch.texts}


def test_the_centroids_curve_states_its_r_squared(study) -> None:
    drawn = charts.draw(chart("latency_centroids"), study)
    written = [text.get_text() for text in drawn.axes[1].get_legend().get_texts()]
    [share] = study.centroids.query("backend == 'torch'")["r_squared"].unique()
    assert f"exponential, R² = {share:.3f}" in written


def test_the_reason_for_missing_clusters_is_the_analysis_own(study) -> None:
    without = {"clusters": study.clusters.head(0), "missing": {"clusters": "Two models make no clusters."}}
    with pytest.raises(charts.ChartMissing, match="Two models make no clusters"):
        charts.draw(chart("latency_clusters"), replace(study, **without))


def test_long_names_of_backends_stay_within_the_figure() -> None:
    with canvas.styled():
        drawn = canvas.figure(1.4)
        axes = drawn.subplots()
    for name in ("f32 1 threads heap kept", "int8 1 threads heap default", "int8 2 threads heap default"):
        axes.plot([1], label=f"openvino {name}: 0.75 × over all 33 models")
    with canvas.styled():
        canvas.legend_above(drawn)
        drawn.draw_without_rendering()
    legend = drawn.legends[0].get_window_extent()
    assert legend.x1 <= drawn.bbox.x1 and legend.y1 <= drawn.bbox.y1


def test_ticks_of_a_wide_range_of_ratios_do_not_overlap() -> None:
    drawn = canvas.figure(2)
    axes = drawn.subplots()
    axes.set(xscale="log", xlim=(0.09, 110))
    backend_speedup._ticks(axes)
    drawn.draw_without_rendering()
    ends = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert len(ends) > 5 and all(left.x1 < right.x0 for left, right in pairwise(ends))
