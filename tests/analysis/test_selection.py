import numpy as np
import pandas as pd
import pytest

from perfexp.analysis.selection import select
from perfexp.errors import ConfigError


def runs(*changes: dict[str, object]) -> pd.DataFrame:
    """One sound run for each set of changes."""
    base = {
        "status": "FINISHED",
        "kind": "cell",
        "model": "resnet18",
        "display_name": "ResNet-18",
        "family": "ResNet",
        "backend": "torch",
        "batch_size": 1,
        "latency_p50_ms": 5.0,
        "latency_mean_ms": 6.0,
        "host": "here",
    }
    frame = pd.DataFrame([{**base, "run_id": f"r{n}", **change} for n, change in enumerate(changes)])
    return frame.assign(start_time=pd.to_datetime(range(len(frame)), unit="s", utc=True))


def test_the_latency_is_the_median_if_measured_and_the_mean_if_published() -> None:
    found = select(runs({}, {"kind": "published", "backend": "paper", "host": None}), allow_mixed=False)
    assert dict(zip(found.cells["backend"], found.cells["latency_ms"], strict=True)) == {
        "torch": 5,
        "paper": 6,
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "FAILED"}, "the cell failed"),
        ({"parity": "beyond tolerance"}, "beyond the tolerance"),
        ({"latency_p50_ms": np.nan}, "it has no latency"),
        ({"latency_p50_ms": -1.0}, "not a positive number"),
        ({"latency_p50_ms": 1.797e308}, "not a positive number"),
        ({"batch_size": np.nan}, "batch size is missing"),
    ],
)
def test_what_is_left_out_has_its_reason(change: dict[str, object], reason: str) -> None:
    found = select(runs({}, {"batch_size": 2, **change}), allow_mixed=False)
    assert found.cells["run_id"].tolist() == ["r0"]
    assert found.left_out["run_id"].tolist() == ["r1"]
    assert reason in found.left_out["reason"].item()


def test_the_newest_run_of_a_cell_is_used() -> None:
    found = select(runs({}, {"latency_p50_ms": 7.0}), allow_mixed=False)
    assert found.cells["latency_ms"].tolist() == [7.0]
    assert found.left_out["reason"].item() == "a newer or cleaner run of the same cell is used"


def test_a_newer_tainted_run_does_not_hide_a_clean_one() -> None:
    found = select(runs({"verdict": "clean"}, {"verdict": "tainted"}), allow_mixed=False)
    assert found.cells["run_id"].tolist() == ["r0"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": "there"}, r"differ in host \(here, there\).*where=\"host == 'here'\".*allow_mixed=true"),
        ({"version_torch": "2"}, r"differ in version_torch \(1, 2\)"),
        ({"kind": "published", "host": None}, r"differ in kind of torch \(cell, published\)"),
    ],
)
def test_a_mixture_is_refused_by_name_unless_allowed(change: dict[str, object], words: str) -> None:
    mixed = runs({"version_torch": "1"}, {"batch_size": 2, **change})
    with pytest.raises(ConfigError, match=words):
        select(mixed, allow_mixed=False)
    assert len(select(mixed, allow_mixed=True).cells) == 2


def test_two_tables_under_one_backends_name_are_a_mixture() -> None:
    tables = ({"kind": "published", "published_in": name, "batch_size": b} for b, name in enumerate("ab", 1))
    with pytest.raises(ConfigError, match=r"published_in of torch \(a, b\)"):
        select(runs(*tables), allow_mixed=False)


def test_what_decides_a_number_is_part_of_the_name() -> None:
    found = select(
        runs(
            {"effective_input_size": 32},
            {"effective_input_size": 224},
            {"effective_input_size": 224, "precision": "bf16"},
        ).assign(precision=["f32", "f32", "bf16"]),
        allow_mixed=False,
    )
    assert list(zip(found.cells["model"], found.cells["backend"], strict=True)) == [
        ("resnet18 @224", "torch bf16"),
        ("resnet18 @224", "torch f32"),
        ("resnet18 @32", "torch f32"),
    ]
    assert found.labels["resnet18 @32"] == "ResNet-18 @32"


def test_two_models_of_one_display_name_keep_their_own() -> None:
    found = select(runs({"model": "a"}, {"model": "b"}), allow_mixed=False)
    assert found.labels == {"a": "a", "b": "b"}


def test_a_cell_counts_less_the_wider_its_interval_is() -> None:
    around = [{"latency_p50_low_ms": 5 - half, "latency_p50_high_ms": 5 + half} for half in (0.1, 0.2, 0.8)]
    cells = [{"batch_size": size, "latency_p50_ms": 5.0, **one} for size, one in enumerate(around, start=1)]
    assert select(runs(*cells), allow_mixed=False).cells["weight"].tolist() == pytest.approx([1, 1, 0.25])
    assert select(runs({}), allow_mixed=False).cells["weight"].tolist() == [1.0]


def test_nothing_left_says_why() -> None:
    with pytest.raises(ConfigError, match=r"None of 2 runs can be analysed \(2 × the cell failed\)"):
        select(runs({"status": "FAILED"}, {"status": "FAILED"}), allow_mixed=False)


def test_runs_with_wrong_outputs_are_used_only_when_asked() -> None:
    wrong = runs({"parity": "beyond tolerance"})
    with pytest.raises(ConfigError, match=r"None of 1 runs.*allow_inexact=true"):
        select(wrong, allow_mixed=False)
    assert len(select(wrong, allow_mixed=False, allow_inexact=True).cells) == 1


def test_disturbed_runs_are_used_unless_they_are_not_wanted() -> None:
    disturbed = runs({"verdict": "tainted"})
    assert len(select(disturbed, allow_mixed=False).cells) == 1
    with pytest.raises(ConfigError, match=r"None of 1 runs.*allow_tainted=true"):
        select(disturbed, allow_mixed=False, allow_tainted=False)
