"""The option language, on small dataclasses and on those of the verbs."""

import re
import shlex
from dataclasses import dataclass, field

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import assume, example, given
from hypothesis import strategies as st

from perfexp.commands.analyze import Config as AnalyzeConfig
from perfexp.commands.import_ import Config as ImportConfig
from perfexp.commands.plan import Config as PlanConfig
from perfexp.config import options, overrides, precheck
from perfexp.config.options import option
from perfexp.config.schema import Data, Precision, RunConfig
from perfexp.errors import ConfigError, PerfexpError
from perfexp.evaluation.plan import EvaluateConfig
from perfexp.prediction.service import PredictConfig


@dataclass
class Inner:
    share: float = option(0.5, "a share")


@dataclass
class Toy:
    name: str | None = option(None, "a name")
    count: int = option(1, "a count")
    data: Data | None = option(None, "which")
    sizes: list[int] = option([1, 2], "sizes")
    columns: dict[str, int] = field(default_factory=dict)
    inner: Inner = option(Inner(), "nested")


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("name=2026_01_15", "name", "2026_01_15"),
        ("name=a=b, (c)", "name", "a=b, (c)"),
        ("name=null", "name", None),
        ("name='a b'", "name", "a b"),
        ("count=3", "count", 3),
        ("data=both", "data", Data.both),
        ("sizes=[4,8]", "sizes", [4, 8]),
        ("sizes=4,8", "sizes", [4, 8]),
        ("columns={1: 1, b8: 8}", "columns", {"1": 1, "b8": 8}),
        ("inner.share=1e-3", "inner", Inner(1e-3)),
    ],
)
def test_a_value_becomes_what_its_field_is(argument: str, name: str, value: object) -> None:
    assert getattr(overrides.parse(Toy, [argument]), name) == value


def test_combinations_are_of_commas_outside_brackets_and_quotes() -> None:
    typed = ["name=a,b", "sizes=[1,2]", "count=1,2", "data='x,y'"]
    assert overrides.combinations(typed) == [
        [f"name={name}", "sizes=[1,2]", f"count={count}", "data='x,y'"] for name in "ab" for count in (1, 2)
    ]
    assert overrides.combinations([]) == [[]]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("cuont=3", "There is no option 'cuont': the nearest are count"),
        ("inner.shear=1", "There is no option 'inner.shear': the nearest are inner.share"),
        ("count=many", "count=many does not fit: Value 'many' of type 'str' could not be converted"),
        ("data=none", "expected one of .measured, published, both."),
        ("count", "'count' is no option; options are written key=value"),
        ("--count=3", "is no option"),
    ],
)
def test_what_does_not_fit_is_one_sentence(argument: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refusal:
        overrides.parse(Toy, [argument])
    assert "\n" not in str(refusal.value)


def test_presets_fill_a_group_whatever_the_order_and_keep_their_schema() -> None:
    typed = ["source.unit=s", "source=csv", "source.batch_columns={t1: 1}", "path=my table (1).csv"]
    settings = overrides.parse(ImportConfig, typed)
    assert (settings.source.name, settings.source.unit.value) == ("csv", "s")
    assert settings.source.batch_columns == {"t1": 1}
    assert settings.path == "my table (1).csv"
    assert overrides.parse(PredictConfig, []).model.name == "resnet50"
    with pytest.raises(PerfexpError, match="There is no model named 'resnet5': the nearest are resnet50"):
        overrides.parse(PredictConfig, ["model=resnet5"])
    with pytest.raises(ConfigError, match="model.name has no value"):
        overrides.parse(PredictConfig, ["model=timm"])


def test_a_preset_beneath_the_working_directory_is_found(tmp_path, monkeypatch) -> None:
    (tmp_path / "conf" / "source").mkdir(parents=True)
    (tmp_path / "conf" / "source" / "mine.yaml").write_text(
        "defaults: [/schema/source/csv@_here_, _self_]\nlatency_column: ms\n"
    )
    monkeypatch.chdir(tmp_path)
    assert overrides.parse(ImportConfig, ["source=mine"]).source.latency_column == "ms"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["model=resnet5"], "the nearest are resnet50"),
        (["backend=openvin"], "the nearest are openvino"),
        (["sweep=quik"], "the nearest are quick"),
        (["batch_size=1,2"], "batch_size=1,2 names several values; add --multirun"),
        (["--multirun", "batch_size=1,x"], "batch_size=x does not fit"),
        (["--multirun", "model=resnet18,resnt34"], "no model named 'resnt34'"),
        (["--multirun", "model=efficientnet_b0,efficientnet_b99"], "no model named 'efficientnet_b99'"),
        (["sweep.name=today"], "sweep.name is set by perfexp"),
        (["--multirun", "sweep.id=a,b"], "sweep.id is set by perfexp"),
        (["measure.precision=0.1"], "There is no option 'measure.precision'"),
        (["backend.precision=f8"], "backend.precision=f8 does not fit"),
    ],
)
def test_hydras_verbs_refuse_early(typed: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        precheck.check(RunConfig, typed)


@pytest.mark.parametrize(
    "typed",
    [
        ["--multirun", "batch_size=range(1,5)", "model=resnet18,vgg16", "backend.latency_ms=1,2"],
        ["+backend.extra=1", "~measure", "hydra.sweeper.active.runs=3", "hydra/launcher=slurm"],
        ["--config-dir=mine", "model=theirs"],
        ["--cfg", "job", "model.source=torchvision", "model.name=resnet9"],
        ["--multirun", "model=resnet18,efficientnet_b0,resnet18.a1_in1k"],
        ["sweep=null", "sweep=quick", "batch_size=1,2", "weights=/a/epoch=3-step=100.ckpt"],
    ],
)
def test_what_only_hydra_can_judge_is_left_to_it(typed: list[str]) -> None:
    precheck.check(RunConfig, typed)


@pytest.mark.parametrize(
    ("typed", "several", "sent"),
    [
        ("weights=/a/epoch=3-step=100.ckpt", False, 'weights="/a/epoch=3-step=100.ckpt"'),
        ("experiment=2026_01_15", False, 'experiment="2026_01_15"'),
        ('experiment=a "b"', False, 'experiment="a \\"b\\""'),
        ("experiment='a b'", False, "experiment='a b'"),
        ("weights=null", False, "weights=null"),
        ("weights=random,pretrained", True, "weights=random,pretrained"),
        ("weights=/a b.ckpt,/epoch=3.ckpt", True, 'weights="/a b.ckpt","/epoch=3.ckpt"'),
        ("sweep=2026_01", True, 'sweep="2026_01"'),
        ("weights=C:\\\\", False, 'weights="C:\\\\\\\\"'),
        ("model=resnet18", False, "model=resnet18"),
        ("batch_size=1", False, "batch_size=1"),
    ],
)
def test_free_text_is_quoted_for_hydra(typed: str, several: bool, sent: str) -> None:
    assert precheck.for_hydra(RunConfig, typed, several) == sent


def test_text_of_a_plugin_is_quoted_too() -> None:
    typed = "dataset.path=/data/My Pictures (2024)"
    sent = precheck.for_hydra(EvaluateConfig, typed, False)
    assert sent == 'dataset.path="/data/My Pictures (2024)"'


@example("epoch=3-step=100.ckpt")
@example("My Pictures (2024), 1")
@example("2026_01_15")
@example("back\\\\")
@given(st.text(st.characters(exclude_categories=["C"], exclude_characters="$"), min_size=1))
def test_any_text_arrives_as_typed(text: str) -> None:
    assume(text != "null" and text[0] not in "'\"[{" and not re.fullmatch(r"\w+\(.*\)", text))
    [typed] = shlex.split(shlex.quote(f"experiment={text}"))
    sent = precheck.for_hydra(RunConfig, typed, False)
    assert OverridesParser.create().parse_override(sent).value() == text


@pytest.mark.parametrize("kind", [RunConfig, AnalyzeConfig, PlanConfig, PredictConfig, ImportConfig])
def test_every_option_says_what_it_means(kind: type) -> None:
    found = list(options.leaves(kind))
    assert all(leaf.meaning for leaf in found if leaf.key not in ("source.name", "backend.name"))
    assert len({leaf.key for leaf in found}) == len(found)


def test_choices_of_a_leaf_are_its_own() -> None:
    [leaf] = [leaf for leaf in options.leaves(RunConfig) if leaf.key == "backend.precision"]
    assert (leaf.type, leaf.default) == (Precision, Precision.f32)
