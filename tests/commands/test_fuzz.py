"""Whatever is typed: success, or one sentence and an exit code of the table; nothing but mlruns/ is left."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from perfexp.errors import Exit
from tests.support import program

KEYS = (
    *("model", "model.name", "model.classes", "backend", "backend.threads", "backend.precision", "weights"),
    *("batch_size", "input_size", "measure", "measure.rounds", "measure.budget_s", "tracking", "seed"),
    *("tracking.uri", "tracking.root", "experiment", "sweep", "sweep.rerun", "sweep.axes", "where", "output"),
    *(
        "hydra.sweeper.params.seed",
        "hydra/launcher",
        "hydra.job.chdir",
        "dataset",
        "source",
        "path",
        "models",
    ),
    *(
        "path",
        "models",
        "max_latency_ms",
        "min_top1",
        "epochs",
        "latencies_ms",
        "port",
        "folder",
        "no_such_key",
        "é",
        "a b",
    ),
)
VALUES = (
    *(
        "1",
        "0",
        "-1",
        "1e9999",
        "nan",
        "null",
        "true",
        "[]",
        "{}",
        "[1,2",
        "{a:1}",
        "1,2",
        "range(1,4)",
        "f32",
    ),
    *("choice(1,2)", "glob(*)", "interval(0,1)", "resnet18", "torch", "fake", "quick", "random", "runs:/a/b"),
    *(
        "'",
        '"',
        "'a",
        '"b"',
        "\\",
        "${oc.env:HOME}",
        "${no.such}",
        "${",
        "$",
        "a=b",
        "a b",
        "(x)",
        "%41",
        "é",
    ),
    *("http://127.0.0.1:9", "sqlite:///no/such.db", "postgresql://a:b@127.0.0.1:9/c", "x" * 300, "a\nb", "~"),
)
SIGNS = ("", "", "", "", "+", "++", "~")
VERBS = (
    "",
    "",
    "--multirun",
    "analyze",
    "evaluate",
    "finetune",
    "import",
    "plan",
    "predict",
    "selftest",
    "server",
    "sync",
    "ui",
)
UNTOUCHED = {
    **dict.fromkeys(("", "--multirun", "evaluate"), ("batch_size=0",)),
    **dict.fromkeys(("server", "ui"), ("port=70000",)),
    "selftest": ("repeats=0",),
    "finetune": ("epochs=0",),
}
"""What keeps a command from measuring or serving, whatever else is said."""

texts = st.one_of(st.sampled_from(VALUES), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
keys = st.one_of(st.sampled_from(KEYS), st.text("abc._/@+é= ", max_size=6))
arguments = st.builds("{}{}={}".format, st.sampled_from(SIGNS), keys, texts)
flags = st.sampled_from(["--cfg", "job", "--resolve", "-m", "--no-such-flag", "", "-", "--", "=", "x"])


@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=int(os.environ.get("PERFEXP_FUZZ", "60")),
    deadline=None,
    derandomize="PERFEXP_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    verb=st.sampled_from(VERBS), words=st.lists(st.one_of(arguments, arguments, arguments, flags), max_size=4)
)
@example(verb="", words=["--resolve"])
@example(verb="", words=["--cfg", "-m"])
@example(verb="", words=["+=f32"])
@example(verb="", words=["+model=1"])
def test_anything_typed_is_done_or_one_sentence(
    verb: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = [word for word in (verb, *words, *UNTOUCHED.get(verb, ())) if word]
    code = program.perfexp(*typed)
    said = capsys.readouterr()
    assert code in set(Exit), (typed, code)
    assert "Traceback" not in said.err + said.out, (typed, said.err)
    if code:
        assert (said.err + said.out).strip(), typed
    assert set(os.listdir(tmp_path)) <= {"mlruns"}, (typed, os.listdir(tmp_path))
    assert sys.exc_info() == (None, None, None)
