import pytest

from perfexp.errors import first_line, nearest


def test_nearest_names_close_ones_first() -> None:
    assert nearest("resnet5", ["vgg11", "resnet50", "resnet18"]).startswith("the nearest are resnet50")


def test_nearest_lists_all_when_none_is_close() -> None:
    assert nearest("xyz", ["b", "a"]) == "known are a, b"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("", "RuntimeError"),
        ("one\ntwo", "one"),
        ("only:\n", "only:"),
        (
            "Exception from core.cpp:268:\nCheck 'a' failed at core.cpp:1:\nNo such device\n\n",
            "No such device",
        ),
        ("Error(s) in loading state_dict:\n\tMissing key(s): a", "Missing key(s): a"),
    ],
)
def test_the_first_line_says_something(message: str, line: str) -> None:
    assert first_line(RuntimeError(message)) == line
