from perfexp.analysis.names import folded, listed


def test_long_lists_end_in_a_count() -> None:
    assert listed(["a", "b", "c"], most=2) == "a, b and 1 more"
    assert listed(["a", "b"], most=2) == "a, b"


def test_spellings_of_a_family_are_folded_into_one() -> None:
    assert folded("Wide ResNet") == folded("wide_resnet") == "wideresnet"
