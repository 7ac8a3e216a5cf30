"""The program: its verbs, their help, its exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from perfexp import commands
from perfexp.commands import _app, _hydra
from perfexp.errors import Exit, NothingToDo, TrackingError
from tests.conftest import Perfexp
from tests.support.program import perfexp

HEAVY = ("torch", "torchvision", "timm", "openvino", "mlflow", "pandas", "sklearn", "scipy", "matplotlib")


def test_the_program_lists_its_verbs_with_a_line_each(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert perfexp("--help") == Exit.DONE
    shown = capsys.readouterr().out
    assert shown.startswith("perfexp measures image classifiers")
    for verb in commands.verbs():
        if verb != "run":
            assert f"  perfexp {verb} " in shown and commands.summary(verb) in shown
    assert perfexp() == Exit.USAGE
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("verb", commands.verbs())
def test_a_verbs_help_names_type_default_and_meaning_and_fits_two_screens(verb: str, capsys) -> None:
    assert perfexp(verb, "--help") == Exit.DONE
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) < 90
    assert max(map(len, shown.splitlines())) <= 120
    assert "Exit codes: 0 done, 1 something failed, 2 usage" in shown
    assert "perfexp" in shown.splitlines()[0]
    if verb == "plan":
        words = " ".join(shown.split())
        assert "min_top1 limit of the published top-1 accuracy, % (float)" in words
        assert "coverage share of cells that the intervals hold (float) [0.9]" in words


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        *([verb, "--help"] for verb in commands.verbs()),
        ["model=resnet5"],
        ["batchsize=3"],
        ["batch_size=1.5"],
        ["--multirun", "sweep=quik"],
        ["analyze", "experimnt=x"],
        ["analyse"],
        ["plan"],
    ],
)
def test_help_and_config_errors_import_nothing_heavy(arguments: list[str]) -> None:
    """Torch takes seconds to import, Hydra's plug-ins about one."""
    code = (
        "import sys\n"
        "from tests.support.program import perfexp\n"
        f"perfexp(*{arguments!r})\n"
        f"print([m for m in {(*HEAVY, 'hydra')!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["analyse"], "perfexp: There is no verb 'analyse': the nearest are analyze"),
        (["predict", "modle=resnet18"], "perfexp predict: There is no option 'modle': the nearest are model"),
        (["sync", "--root", "x"], "perfexp sync: '--root' is no option; options are written key=value."),
        (["ui", "port=0"], "perfexp ui: port must lie between 0 and 65536, both excluded, but got 0"),
    ],
)
def test_bad_usage_is_one_sentence_and_2(arguments: list[str], words: str, capsys) -> None:
    assert perfexp(*arguments) == Exit.USAGE
    printed = capsys.readouterr()
    assert printed.err.startswith(words)
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""


@pytest.mark.parametrize("verb", ["import", "plan"])
def test_a_verb_that_needs_arguments_prints_its_usage_without(verb: str, capsys) -> None:
    assert perfexp(verb) == Exit.USAGE
    assert f"perfexp {verb} [KEY=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TrackingError("No store."), Exit.STORE),
        (NothingToDo("No runs."), Exit.NOTHING_TO_DO),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (PermissionError(13, "Permission denied", "mlruns"), Exit.USAGE),
    ],
)
def test_an_error_ends_with_its_code_and_one_sentence(error: BaseException, code: Exit, capsys) -> None:
    with pytest.raises(SystemExit) as stop, _app.ended("perfexp"):
        raise error
    assert stop.value.code == code
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_version_is_perfexps(capsys) -> None:
    assert perfexp("--version") == perfexp("analyze", "--version") == Exit.DONE
    assert capsys.readouterr().out == "perfexp 0.1.0\n" * 2


def test_a_launcher_whose_extra_is_missing_names_it() -> None:
    said = _hydra._unknown_choice("hydra/launcher/submitit_slurm", ["basic"])
    assert said == ("hydra/launcher needs what is not installed; pip install -e '.[slurm]' in the checkout.")


def test_no_child_runs_a_module_of_the_current_directory(
    called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worker processes are started by ``-c``, servers and the jobs of a cluster by ``-m``."""
    monkeypatch.setenv("PYTHONSAFEPATH", "")  # an empty one counts as none, and is put back
    monkeypatch.delenv("PYTHONSAFEPATH")
    (tmp_path / "tabnanny.py").write_text("print('ran')\n")
    called("plan", "models=[]")
    for command in (["-c", "import tabnanny"], ["-m", "tabnanny"]):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True)
        assert "ran" not in done.stdout.split()


def test_a_preset_of_a_packaged_name_is_told_not_to_be_used(tmp_path: Path, called: Perfexp) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    for name in ("resnet50", "mine"):
        (tmp_path / "conf" / "model" / f"{name}.yaml").write_text(
            "defaults: [/schema/model@_here_, _self_]\n"
        )
    said = called("ls", "backends").stderr
    assert said.count("is not used: perfexp has a preset of that name") == 1 and "resnet50.yaml" in said
