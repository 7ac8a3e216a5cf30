import pandas as pd
import pytest

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
