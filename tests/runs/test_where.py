import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfexp.errors import ConfigError
from perfexp.runs.where import required_texts, rows_where


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        (None, {}),
        ("backend == 'torch'", {"backend": {"torch"}}),
        ("backend == 'torch' and batch_size <= 8", {"backend": {"torch"}}),
        ("(backend == 'torch') & (model in ['a', 'b'])", {"backend": {"torch"}, "model": {"a", "b"}}),
        ("model == 'a' and model in ('a', 'b')", {"model": {"a"}}),
        ("model == 'a' and model == 'b'", {"model": set()}),
        ("backend == 'torch' or batch_size == 1", {}),
        ("not backend == 'torch'", {}),
        ("backend != 'torch'", {}),
        ("backend == @chosen", {}),
        ("batch_size == 8", {}),
        ("model in ['a', 1]", {}),
        ("'a' == 'b' == model", {}),
        ("model.str.startswith('a')", {}),
        ("this is no query", {}),
    ],
)
def test_texts_that_must_hold(query: str | None, texts: dict[str, set[str]]) -> None:
    assert required_texts(query) == texts


FRAME = pd.DataFrame({"model": ["a", "b"], "batch_size": [1, 4]})


@pytest.mark.parametrize(
    "query",
    [
        "model",
        "batch_size",
        "batch_size == [",
        "batch_size = 4",
        "model.foo()",
        "model.str.startswith('b')",
        "@__import__('os').system('touch found') == 0",
        "@model == 'a'",
        "batch_size ** 9 ** 9 > 1",
        "batch_size[0] > 1",
        "batch_size > 1" + " and batch_size > 1" * 200,
        "gone > 3",
        "lambda: 1",
        "True",
        "",
        "batch_size > 1 or not (0 == 0)",
        "batch_size > 1 or not True",
        "1 < 2",
        "batch_size > 1 / 0",
    ],
)
def test_what_is_no_query_is_one_sentence(query: str) -> None:
    with pytest.raises(ConfigError, match="is not a query over the runs' columns"):
        rows_where(FRAME, query)


@pytest.mark.parametrize(
    "query",
    ["batch_size > 1", " model not in ['a']", "model in ['b'] & batch_size * 2 == 8", "not batch_size == 1"],
)
def test_rows_that_a_query_keeps(query: str) -> None:
    assert list(rows_where(FRAME, query)["model"]) == ["b"]


RUNS = pd.DataFrame({
    "model": ["a", "b", "a", "c", "b"],
    "backend": ["torch", "torch", "openvino", "openvino", "fake"],
    "batch_size": [1, 4, 8, 1, 2],
    "latency_p50_ms": [2.5, 8.0, 3.0, float("nan"), 4.0],
})  # fmt: skip

numbers = st.one_of(
    st.sampled_from(["batch_size", "latency_p50_ms"]),
    st.integers(0, 9).map(str),
    st.builds("({} {} {})".format, st.just("batch_size"), st.sampled_from("+-*/"), st.integers(1, 4)),
)
comparisons = st.one_of(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["batch_size", "latency_p50_ms"]),
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        numbers,
    ),
    st.builds(
        "{} {} {!r}".format,
        st.sampled_from(["model", "backend"]),
        st.sampled_from(["==", "!="]),
        st.sampled_from("abt"),
    ),
    st.builds(
        "{} {} {!r}".format,
        st.sampled_from(["model", "backend"]),
        st.sampled_from(["in", "not in"]),
        st.lists(st.sampled_from(["a", "b", "torch", "fake"]), min_size=1, max_size=3),
    ),
)
queries = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=4,
)


@given(queries)
@settings(max_examples=200, deadline=None)
def test_a_query_means_what_python_means_of_each_run(query: str) -> None:
    expected = [bool(eval(query, {}, row)) for row in RUNS.to_dict("records")]
    kept = rows_where(RUNS, query)
    assert kept.index.tolist() == [place for place, holds in enumerate(expected) if holds]
    for column, texts in required_texts(query).items():
        assert set(kept[column]) <= texts


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_query_or_one_sentence(query: str) -> None:
    try:
        rows_where(FRAME, query)
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1
