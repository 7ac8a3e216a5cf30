"""Presets, and torchvision's and timm's models by their own names, in one list."""

from pathlib import Path

import pytest

from perfexp import load_runs
from perfexp.config import overrides
from perfexp.models import sources
from perfexp.plugins import MODEL_SOURCES
from tests.conftest import Perfexp

QUICK = ("backend=fake", "input_size=64", "measure=quick", "measure.rounds=1", "measure.budget_s=0.05")
MODELS = {"squeezenet1_1": "torchvision", "regnet_y_400mf": "torchvision", "resnet10t.c3_in1k": "timm"}


def test_a_library_is_found_by_a_models_name_without_its_import() -> None:
    assert {name: overrides.library_of(name) for name in MODELS} == MODELS
    assert overrides.library_of("efficientnet_b0") == "torchvision"
    assert overrides.library_of("conv3x3") is None is overrides.library_of("no_such_model")


@pytest.mark.slow
@pytest.mark.parametrize("name", MODEL_SOURCES.names())
def test_every_name_of_a_library_is_found(name: str) -> None:
    source = sources.source(name)
    assert [model for model in source.names() if not source.has(model)] == []


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("typed", ["{}", "choice({})", None])
def test_one_list_names_them_all(tmp_path: Path, called: Perfexp, typed: str | None) -> None:
    names = ",".join(MODELS)
    if typed:
        done = called("--multirun", *QUICK, f"model={typed.format(names)}")
    else:
        (tmp_path / "sweeps").mkdir()
        lines = ["hydra:", "  mode: MULTIRUN", "  sweeper:", "    params:", f"      model: {names}"]
        (tmp_path / "sweeps" / "mine.yaml").write_text("\n".join(lines))
        done = called("--multirun", *QUICK, "sweep=mine")
    assert done.returncode == 0, done.stderr
    runs = load_runs()
    assert dict(zip(runs["model"].astype(str), runs["source"].astype(str), strict=True)) == MODELS


def test_a_name_that_nobody_has_names_the_nearest(called: Perfexp) -> None:
    done = called("model=resnet5")
    assert done.returncode == 2 and "resnet50" in done.stderr and "torchvision or timm" in done.stderr


def test_an_active_sweep_and_a_plan_find_models_in_the_same_library() -> None:
    names = {**MODELS, "resnet50.a1_in1k": "timm"}
    assert {name: sources.source_of(name) for name in names} == names
