import pytest

from perfexp.runs.where import required_texts


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
