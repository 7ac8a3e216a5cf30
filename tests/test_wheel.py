"""The wheel carries its configuration: it works without a checkout, from any directory."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, CHECKOUT, cwd=folder
    )  # an sdist, and the wheel made from it
    [made] = folder.glob("*.whl")
    return made


@pytest.mark.slow
def test_wheel_holds_every_choice(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for path in (*(CHECKOUT / "conf").rglob("*.yaml"), *(CHECKOUT / "sweeps").glob("*.yaml")):
        assert f"perfexp/_data/{path.relative_to(CHECKOUT)}" in inside
    assert not [name for name in inside if name.startswith(("tests", "benchmarks"))]


@pytest.mark.slow
def test_installed_wheel_runs_a_sweep(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    site = Path(
        run(home / "bin/python", "-c", "import site; print(*site.getsitepackages())", cwd=tmp_path).strip()
    )
    own = Path(next(path for path in sys.path if path.endswith("site-packages")))
    (site / "dependencies.pth").write_text(f"{own}\n")
    run(
        sys.executable, "-m", "pip", "--python", home / "bin/python", "install", "-q", "--no-deps", wheel,
        cwd=tmp_path,
    )  # fmt: skip
    where = run(home / "bin/python", "-c", "import perfexp; print(perfexp.__file__)", cwd=tmp_path)
    assert where.startswith(str(home))
    output = run(
        home / "bin/perfexp", "--multirun", "sweep=quick", "backend=fake", "model=squeezenet1_1",
        "batch_size=1,2", "measure.budget_s=0.05", cwd=tmp_path,
    )  # fmt: skip
    assert output.count("FINISHED") == 2
