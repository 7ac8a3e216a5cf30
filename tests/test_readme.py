"""Every command and example of the README and of docs/, in the order of the pages, in one folder.

Blocks of ``bash`` are run but for installations and clusters, ``sh`` is the server's recipe, ``python`` is
run where it imports perfexp, files of ``yaml`` below sweeps/ are written first, ``text`` is only shown.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from perfexp.commands import DEFAULT, verbs
from tests.support.packaged import Packaged
from tests.support.pages import pages
from tests.support.servers import PASSWORD, Postgres, free_port

CHECKOUT = Path(__file__).resolve().parents[1]
INSTALL = "pip install "
ON_A_CLUSTER = "hydra/launcher="
LONG = ("--multirun sweep=backends", "--multirun sweep=study")
QUICK = "measure.rounds=1 model=squeezenet1_1 measure.budget_s=0.05"
ONE_ROUND = "measure.rounds=1 measure.max_rounds=1 measure.budget_s=0.5"
SMALL = f"{ONE_ROUND} input_size=96"
WHOLE = "perfexp model=mobilenet_v2 backend=openvino batch_size=4"
OPTUNA = "hydra/sweeper=optuna"
SHORTER = "measure.rounds=1 model=squeezenet1_1 batch_size=2 measure.rel_half_width=0.5 measure.min_s=0.1"


def blocks(language: str) -> list[str]:
    return [block for page in pages() for block in page.blocks(language)]


SERVER_RECIPE = blocks("sh")


def commands() -> list[str]:
    return list(dict.fromkeys(line for block in blocks("bash") for line in block.splitlines()))


def run_here() -> list[str]:
    """The commands without plain installations, and without those that tests/launchers runs on clusters."""
    runs = [c for c in commands() if "&& perfexp" in c or not c.startswith(INSTALL)]
    return [c for c in runs if ON_A_CLUSTER not in c]


def examples() -> list[str]:
    return [block for block in blocks("python") if "import perfexp" in block]


def runnable(command: str, packaged: Packaged) -> list[str]:
    """The command without its installation and downloads, cut short where it would take long or not end."""
    command = command.split("&& ")[-1].replace(" dataset.download=true", "")
    command = command.replace("dataset=imagenette", " ".join(packaged.dataset))
    command = command.replace("weights=pretrained", f"weights={packaged.squeezenet1_1}")
    if command.startswith("perfexp finetune"):
        command += " epochs=1"
    if command == "perfexp selftest":
        command += " latencies_ms=[1] repeats=1"
    if OPTUNA in command:
        return shlex.split(f"{command.replace('n_trials=20', 'n_trials=2')} {ONE_ROUND}")
    if command.startswith("perfexp --multirun") and command.endswith(("sweep=quick", "measure=quick")):
        command += f" {SMALL}"
    if command.endswith(LONG):
        command += f" {SHORTER}"
    elif command.startswith(("perfexp model=", "perfexp --multirun sweep=")) and command != WHOLE:
        command += "" if "measure.rounds=" in command else f" {ONE_ROUND}"
    if command == "perfexp ui":
        command += " print_only=true"
    return shlex.split(command)


def test_the_two_commands_come_first_and_ci_runs_the_second() -> None:
    first, second = commands()[:2]
    assert first == "pip install -c constraints.txt -e . && perfexp --multirun sweep=quick"
    assert second == 'pip install -c constraints.txt -e ".[test]" && pytest'
    ci = (CHECKOUT / ".ci" / "run").read_text()
    assert 'pip install -q -c constraints.txt -e ".[test]" && pytest' in ci


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("readme")
    (made / "sweeps").mkdir()
    for block in blocks("yaml"):
        name = block.splitlines()[0].removeprefix("# ")
        if name.startswith("sweeps/"):
            (made / name).write_text(block)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("command", run_here())
def test_command(folder: Path, packaged: Packaged, command: str) -> None:
    words = runnable(command, packaged)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        words, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
    assert set(os.listdir(folder)) == {"sweeps", "mlruns"}


@pytest.mark.slow
def test_examples_in_python(folder: Path) -> None:
    """One process runs them all, each in a namespace of its own."""
    script = "\n".join(f"exec({example!r}, {{}})" for example in examples())
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "images/s" in done.stdout
    assert "in 18 runs" in done.stdout


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("recipe", [SERVER_RECIPE] if SERVER_RECIPE else [])
def test_server_recipe(recipe: list[str], database: Postgres, tmp_path: Path) -> None:
    """The first block is left running; the second adds the user by whom the third one uses it."""
    serve, add, use = recipe
    database.add_database("perfexp")
    port, places = free_port(), f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {**os.environ, "PATH": places, "PGPORT": str(database.port), "PGPASSWORD": PASSWORD}
    started = serve.replace("perfexp server", f"exec perfexp server port={port}")
    server = subprocess.Popen(
        ["bash", "-ec", started], cwd=tmp_path, env=settings, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert server.stdout.readline().startswith("Serving postgresql+psycopg://***@127.0.0.1/perfexp")
    added = subprocess.run(["bash", "-ec", add], cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert added.stdout.startswith("lab can read all runs"), added.stderr
    used = f"{use.strip()} tracking.uri=http://127.0.0.1:{port} backend=fake batch_size=1 {QUICK}"
    done = subprocess.run(["bash", "-ec", used], cwd=tmp_path, env=settings, capture_output=True, text=True)
    server.terminate()
    server.communicate()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FINISHED" in done.stdout


def test_every_verb_is_shown() -> None:
    text = "\n".join(page.text for page in pages() if page.path.name != "verbs.md")
    for verb in verbs():
        assert verb == DEFAULT or f"perfexp {verb}" in text, verb


def test_the_architecture_names_files_and_layers_that_there_are() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = [CHECKOUT, CHECKOUT / "perfexp", CHECKOUT / "perfexp" / "prediction" / "model"]
    for path in re.findall(r"`([\w/]+\.(?:py|yaml))`", text):
        assert any((folder / path).is_file() for folder in folders), path
    layers = re.search(r"layers = \[(.*?)\]", (CHECKOUT / "pyproject.toml").read_text(), re.DOTALL)
    table = text[text.index("| layer |") : text.index("Further contracts")]
    assert layers is not None
    assert set(re.findall(r"\w+", layers[1])) == set(re.findall(r"`(\w+)`", table))
