from pathlib import Path

import pytest

from perfexp.errors import DataError
from perfexp.evaluation.datasets import _labels


def test_synsets_are_in_the_order_of_torchvisions_categories() -> None:
    from torchvision.models import AlexNet_Weights

    categories = AlexNet_Weights.DEFAULT.meta["categories"]
    firsts = [name.split(",")[0] for name in _labels.class_names()]
    assert len(_labels.synsets()) == len(firsts) == 1000
    assert sum(a == b for a, b in zip(firsts, categories, strict=True)) > 900


def test_validation_labels_cover_the_set_fifty_a_class() -> None:
    found = _labels.validation_labels()
    counts = [0] * 1000
    for label in found.values():
        counts[label] += 1
    assert len(found) == 50_000
    assert set(counts) == {50}


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    _labels.validation_labels.cache_clear()
    monkeypatch.setattr(_labels, "find_spec", lambda _name: None)
    with pytest.raises(DataError, match=r"pip install -e '.\[imagenet\]'"):
        _labels.validation_labels()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.json", '{"a.jpg": 3, "b.jpg": "n01440764"}'),
        ("labels.csv", "file,label\nsome/folder/a.jpg,3\nb.jpg,n01440764\n"),
    ],
)
def test_labels_of_a_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert _labels.from_file(tmp_path / name) == {"a.jpg": 3, "b.jpg": 0}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("name", "text"),
    [("labels.csv", "file;label\r\na.jpg;3\r\n"), ("labels.json", '{"a.jpg": 3}')],
)
def test_labels_saved_by_a_spreadsheet(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(text.encode(encoding))
    assert _labels.from_file(tmp_path / name) == {"a.jpg": 3}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("labels.csv", "picture,kind\na,b\n", "its columns are picture, kind"),
        ("labels.json", "[1, 2]", "holds no labels"),
        ("labels.json", "{", "holds no labels"),
        ("labels.csv", "file,label\na.jpg,cat\n", "holds no labels"),
        ("labels.csv", "file,label\na.jpg,n99\n", "holds no labels"),
        ("labels.csv", "file,label\na.jpg\n", "holds no labels"),
    ],
)
def test_a_file_without_labels_is_one_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=words):
        _labels.from_file(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone.csv cannot be read \(No such file"):
        _labels.from_file(tmp_path / "gone.csv")
