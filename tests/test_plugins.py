"""What can be added without an edit: files dropped into a copy of the product, a third party's package."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from math import log1p
from pathlib import Path

import pandas as pd
import pytest

from perfexp import load_runs, plugins
from perfexp.errors import BackendError

CHECKOUT = Path(__file__).resolve().parents[1]
TOYS = Path(__file__).with_name("support") / "toys"
QUICK = (
    "model=squeezenet1_1",
    "input_size=32",
    "measure=quick",
    "measure.rounds=1",
    "measure.budget_s=0.05",
    "measure.min_s=0",
)
Run = Callable[..., str]


def runner(site: Path, folder: Path) -> Run:
    """Runs the program with ``site`` before everything else on Python's path."""

    def run(*arguments: str) -> str:
        code = "from perfexp.commands import main; main()"
        environment = {**os.environ, "PYTHONPATH": str(site)}
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The product with toys dropped in: each is one file, or one line of a table."""
    site = tmp_path_factory.mktemp("product")
    for part in ("perfexp", "hydra_plugins", "conf", "sweeps"):
        shutil.copytree(CHECKOUT / part, site / part, ignore=shutil.ignore_patterns("__pycache__"))
    places = {
        "toy_backend.py": "perfexp/backends/toy.py",
        "toy_backend.yaml": "conf/backend/toy.yaml",
        "toy_source.py": "perfexp/models/sources/toy.py",
        "toy_model.yaml": "conf/model/toy_net.yaml",
        "toy_dataset.py": "perfexp/evaluation/datasets/toy.py",
        "toy_table.py": "perfexp/published/toy.py",
        "toy_chart.py": "perfexp/charts/figures/toy.py",
        "toy_verb.py": "perfexp/commands/toy.py",
    }
    for name, place in places.items():
        shutil.copy(TOYS / name, site / place)
    lines = {
        "perfexp/metrics.py": (
            "\n_TABLE = (\n",
            '\n_TABLE = (\n    Metric("toy_score", "points", True, "a number of the toy backend"),\n',
        ),
        "perfexp/analysis/scaling/forms.py": (
            "\nFORMS = (AFFINE, ",
            '\nTOY = Form("toy", ("scale_ms",), lambda b, _: (np.log1p(b),), "y(b) = scale · ln(1 + b)")\n'
            "FORMS = (AFFINE, TOY, ",
        ),
    }
    for place, (before, after) in lines.items():
        text = (site / place).read_text(encoding="utf-8")
        assert before in text, place
        (site / place).write_text(text.replace(before, after), encoding="utf-8")
    return runner(site, tmp_path_factory.mktemp("dropped"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A package of a third party on Python's path, with entry points and presets of its own."""
    site = tmp_path_factory.mktemp("site")
    (site / "theirs" / "conf" / "model").mkdir(parents=True)
    for module in ("backend", "source", "dataset", "table", "chart"):
        shutil.copy(TOYS / f"toy_{module}.py", site / "theirs" / f"{module}.py")
    (site / "theirs" / "__init__.py").touch()
    (site / "theirs" / "conf" / "__init__.py").touch()
    shutil.copy(TOYS / "toy_model.yaml", site / "theirs" / "conf" / "model" / "toy_net.yaml")
    about = site / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    groups = {"backends": "backend", "model_sources": "source", "datasets": "dataset", "tables": "table"}
    points = [f"[perfexp.{group}]\ntoy = theirs.{module}\n" for group, module in groups.items()]
    points += ["[perfexp.charts]\ntoy = theirs.chart\n", "[perfexp.conf]\ntheirs = theirs.conf\n"]
    (about / "entry_points.txt").write_text("\n".join(points))
    return runner(site, tmp_path_factory.mktemp("installed"))


@pytest.fixture(params=["dropped", "installed"])
def program(request: pytest.FixtureRequest) -> Run:
    return request.getfixturevalue(request.param)


@pytest.mark.slow
def test_a_backend_a_model_and_a_metric(program: Run, request: pytest.FixtureRequest) -> None:
    options = ("backend.waits=2", *QUICK[1:])
    shown = program("--multirun", "model=toy_net", "backend=toy", "batch_size=1,2,4", *options)
    assert shown.count("FINISHED") == 3
    assert "toy_net" in shown or "toy" in shown
    if "dropped" in request.node.name:
        assert "toy" in program("toy", "word=hello")


@pytest.mark.slow
def test_a_table_and_a_chart(program: Run, tmp_path: Path) -> None:
    table = tmp_path / "table.txt"
    table.write_text("".join(f"net{n} {b} {1.5 * n + 0.7 * b}\n" for n in (1, 2, 3, 4) for b in (1, 2, 4, 8)))
    assert "16 runs added" in program("import", "source=toy", f"path={table}", "experiment=tables")
    out = tmp_path / "out"
    program("analyze", "experiment=tables", f"output={out}")
    assert (out / "figures" / "toy.png").is_file()


@pytest.mark.slow
def test_a_form_of_the_fits_is_one_line(dropped: Run, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    rows = [f"net{n},{b},{3 * n * log1p(b)}" for n in (1, 2, 3, 4) for b in (1, 2, 4, 8, 16)]
    table.write_text("model,batch,ms\n" + "\n".join(rows) + "\n")
    columns = ("source.latency_column=ms", "source.batch_size_column=batch")
    dropped("import", "source=csv", f"path={table}", *columns, "experiment=logs")
    dropped("analyze", "experiment=logs", f"output={tmp_path}")
    fits = pd.read_csv(tmp_path / "tables" / "scaling.csv")
    assert set(fits.loc[fits["selected"], "form"]) == {"toy"}


@pytest.mark.slow
def test_a_data_set(program: Run) -> None:
    model = ("model=squeezenet1_1", "model.classes=2", "weights=random", "input_size=32")
    shown = program("evaluate", *model, "dataset=toy", "dataset.images=4", "workers=1", "batch_size=2")
    assert "of 4, 95 %" in shown


def test_a_name_that_nobody_has_and_a_module_that_cannot_be_imported(monkeypatch) -> None:
    with pytest.raises(BackendError, match="There is no backend named 'tort': the nearest are torch"):
        plugins.BACKENDS.find("tort")
    broken = {"mine": "no_such_package.backend"}
    monkeypatch.setattr(plugins, "_modules", lambda _kind: broken)
    with pytest.raises(BackendError, match="The backend 'mine' cannot be imported"):
        plugins.BACKENDS.find("mine")


def test_private_modules_and_base_are_no_plug_ins() -> None:
    for kind in (plugins.BACKENDS, plugins.DATASETS, plugins.TABLES, plugins.CHARTS, plugins.MODEL_SOURCES):
        assert "base" not in kind.names()
        assert not [name for name in kind.names() if name.startswith("_")]
    assert load_runs is not None
