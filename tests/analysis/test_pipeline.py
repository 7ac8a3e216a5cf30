"""The whole analysis on small tables: what is there, what is missing, what is said."""

import json
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest

from perfexp.analysis import pipeline
from perfexp.analysis.results import SCALING, Results, fitted_models, write_tables
from perfexp.analysis.selection import select


def analysed(cells: pd.DataFrame, **columns: object) -> Results:
    runs = cells.drop(columns="latency_ms").assign(
        run_id=[f"r{i}" for i in range(len(cells))],
        status="FINISHED",
        kind="cell",
        start_time=pd.Timestamp("2026-01-01", tz="UTC"),
        latency_p50_ms=cells["latency_ms"],
        throughput_images_per_s=1e3 / cells["latency_per_image_ms"],
        **columns,
    )
    return pipeline.analyse(select(runs, allow_mixed=False), 0, lambda _stage: nullcontext())


@pytest.fixture
def models(synthetic) -> pd.DataFrame:
    return synthetic({f"{f}{i}": (lambda b, i=i: 5 + i + 2 * b) for f in "ab" for i in range(3)}, noise=0.02)


def test_every_table_is_filled(models: pd.DataFrame) -> None:
    found = analysed(models, published_top1=70.0, published_top5=90.0)
    for name in ("runs", "scaling", "bands", "residuals", "clusters", "cluster_bands", "centroids", "anova"):
        assert len(getattr(found, name)), name
    assert found.missing == {}
    assert len(found.residuals) == len(found.runs)


def test_a_model_with_few_batch_sizes_is_named_and_the_rest_go_on(models: pd.DataFrame) -> None:
    found = analysed(models[~((models["model"] == "a1") & (models["batch_size"] > 2))])
    assert found.missing["scaling"].startswith("These have no 3 batch sizes")
    assert found.missing["scaling"].endswith(": a1.")
    assert "a1" not in set(found.scaling["model"]) and "a2" in set(found.scaling["model"])
    assert "a1" in set(found.runs["model"])


def test_no_model_with_enough_batch_sizes(models: pd.DataFrame) -> None:
    found = analysed(models[models["batch_size"] < 4])
    assert found.missing["scaling"].startswith("No model has 3 batch sizes")
    assert found.scaling.empty and found.bands.empty
    assert "clusters of torch" in found.missing


def test_accuracy_that_is_not_published_is_named(models: pd.DataFrame) -> None:
    known = [None if m == "b0" else 70.0 for m in models["model"]]
    found = analysed(models, published_top1=known)
    assert found.missing["published_top1"].startswith("No published top-1 accuracy is known for b0;")
    assert "for any of the models" in found.missing["published_top5"]


def test_a_single_family_is_said(synthetic) -> None:
    found = analysed(synthetic({"a1": lambda b: 5 + b, "a2": lambda b: 7 + b}, noise=0.01))
    assert found.missing["families"] == "All models are of the family a, so that families are not compared."


@pytest.mark.parametrize("sizes", [(1,), (1, 2), (1, 2, 4)])
@pytest.mark.parametrize("names", ["a", "ab", "abc"])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_few_models_at_few_batch_sizes_leave_reasons(synthetic, names, sizes, noise) -> None:
    found = analysed(synthetic({n: (lambda b, n=n: ord(n) + b) for n in names}, noise, sizes))
    assert found.findings
    for table, name in ((found.scaling, "scaling"), (found.clusters, "clusters of torch")):
        assert len(table) or name in found.missing
    assert len(found.anova) or "anova" in found.missing
    assert len(found.tukey) or {"tukey", "tukey by model"} & set(found.missing)


def test_sentences_hold_the_tables_numbers(synthetic) -> None:
    cells = pd.concat(
        [
            synthetic({"x": lambda b: 4 + 2 * b, "y": lambda b: 8 + 4 * b}, backend="slow"),
            synthetic({"x": lambda b: 2 + 1 * b, "y": lambda b: 4 + 2 * b}, backend="fast"),
        ],
        ignore_index=True,
    )
    text = "\n".join(analysed(cells).findings)
    assert "28 cells were analysed: 2 models, 2 backends, 7 batch sizes" in text
    assert "slow takes 2.00 times the latency of fast (geometric mean over 14 common cells" in text
    assert "half of the peak throughput is reached at a batch size of 2." in text
    assert "No point is contradicted" in text


def test_the_csv_has_exactly_the_promised_columns(models: pd.DataFrame, tmp_path: Path) -> None:
    found = analysed(models)
    write_tables(found, tmp_path)
    scaling = pd.read_csv(tmp_path / "scaling.csv")
    assert list(scaling) == list(SCALING)
    assert len(scaling) == 6 * 5
    assert set(json.loads(scaling["params"][0])) == {"fixed_ms", "marginal_ms"}
    assert scaling["selected"].sum() == 6
    coefficients = pd.read_csv(tmp_path / "coefficients.csv")
    assert (coefficients["low"] <= coefficients["value"]).all()
    assert len(json.loads(fitted_models(found.scaling))) == 6


def test_promised_files_are_there_when_there_is_nothing_in_them(models: pd.DataFrame, tmp_path: Path) -> None:
    write_tables(analysed(models[models["batch_size"] == 1]), tmp_path)
    for name in ("scaling", "clusters", "anova"):
        assert pd.read_csv(tmp_path / f"{name}.csv").empty
    assert not (tmp_path / "tukey.csv").exists()
