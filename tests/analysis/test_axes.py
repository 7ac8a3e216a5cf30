import numpy as np
import pandas as pd
import pytest

from perfexp.analysis import axes
from perfexp.analysis.selection import select


def runs() -> pd.DataFrame:
    rows = [
        {
            "model": "resnet18",
            "backend": "torch",
            "batch_size": size,
            "threads": threads,
            "axes": f"backend.threads={threads}&measure={measure}",
            "effective_threads": float(threads),
            "latency_p50_ms": 4.0 * size / threads * (1.5 if measure == "quick" else 1.0),
        }
        for size in (1, 8)
        for threads in (1, 2)
        for measure in ("default", "quick")
    ]
    frame = pd.DataFrame(rows).assign(status="FINISHED", kind="cell", verdict="clean", host="a")
    return frame.assign(run_id=[str(n) for n in range(len(frame))], start_time=pd.Timestamp("2026-01-01"))


def test_cells_that_differ_in_any_swept_key_are_different_cells() -> None:
    cells = select(runs(), allow_mixed=False).cells
    assert len(cells) == 8
    assert set(cells["backend"]) == {
        f"torch {threads} threads measure={measure}" for threads in (1, 2) for measure in ("default", "quick")
    }


def test_the_effect_of_a_key_is_that_between_cells_alike_in_all_else() -> None:
    table = axes.effects(select(runs(), allow_mixed=False).cells).set_index("axis")
    assert table.loc["threads", ["level", "against", "pairs"]].tolist() == ["2", "1", 4]
    assert table.loc["threads", "ratio"] == pytest.approx(0.5)
    assert table.loc["measure", "ratio"] == pytest.approx(1.5)
    first, second = axes.sentences(table.reset_index())
    assert (
        first.startswith("With threads 2 instead of 1 a batch takes 0.50 times as long") and "quick" in second
    )


def test_the_interval_holds_the_ratio_as_often_as_it_says() -> None:
    random, held = np.random.default_rng(0), 0
    for _ in range(200):
        frame = pd.DataFrame({"batch_size": np.repeat(np.arange(8), 2), "threads": ["1", "2"] * 8})
        noise = random.normal(0, 0.1, len(frame))
        frame["latency_ms"] = np.where(frame["threads"] == "2", 2.0, 1.0) * np.exp(noise)
        frame = frame.assign(named_model="a", named_backend="b", axes="backend.threads=" + frame["threads"])
        [row] = axes.effects(frame).itertuples()
        held += row.low <= 2.0 <= row.high
    assert 0.91 <= held / 200 <= 0.98


def test_without_further_keys_there_is_nothing_to_tell() -> None:
    assert axes.effects(select(runs().drop(columns="axes"), allow_mixed=False).cells).empty


def test_two_files_of_one_name_are_two_cells() -> None:
    one, other = (
        runs().assign(axes=f"weights=/{folder}/best.pt", threads=1).iloc[[0]] for folder in ("a", "b")
    )
    cells = select(pd.concat([one, other.assign(run_id="other")]), allow_mixed=False).cells
    assert set(cells["backend"]) == {"torch weights=/a/best.pt", "torch weights=/b/best.pt"}
