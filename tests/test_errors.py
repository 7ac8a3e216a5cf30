from perfexp.errors import nearest


def test_nearest_names_close_ones_first() -> None:
    assert nearest("resnet5", ["vgg11", "resnet50", "resnet18"]).startswith("the nearest are resnet50")


def test_nearest_lists_all_when_none_is_close() -> None:
    assert nearest("xyz", ["b", "a"]) == "known are a, b"
