import pytest

from perfexp.errors import first_line, nearest


def test_nearest_names_close_ones_first() -> None:
    assert nearest("resnet5", ["vgg11", "resnet50", "resnet18"]).startswith("the nearest are resnet50")


def test_nearest_lists_all_when_none_is_close() -> None:
    assert nearest("xyz", ["b", "a"]) == "known are a, b"


def test_a_message_lists_few_of_many_names() -> None:
    said = nearest("xyz", [f"name{number:04}" for number in range(1700)])
    assert said.startswith("known are name0000, name0001, ") and said.endswith(" and 1,688 others")
    assert len(said) < 200


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
