"""README and docs as texts: links, length, sentences, and pages that are made from the code."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from perfexp.errors import Exit
from perfexp.records import RunKind
from tests.support.pages import CHECKOUT, Page, docs, pages, readme, words

MAX_WORDS, MAX_README_LINES = 25, 140
CHECKED = [*pages(), Page(CHECKOUT / "CONTRIBUTING.md")]
named = pytest.mark.parametrize("page", CHECKED, ids=lambda page: page.name)


def test_every_page_is_reached_from_the_index() -> None:
    assert {page.path for page in docs()} == set((CHECKOUT / "docs").rglob("*.md"))


def test_the_readme_is_short() -> None:
    assert len(readme().text.splitlines()) <= MAX_README_LINES


@named
def test_links_lead_somewhere(page: Page) -> None:
    for link in page.links:
        path, heading = page.target(link)
        assert path.exists(), link
        assert not heading or heading in Page(path).anchors, link


@named
def test_sentences_are_short(page: Page) -> None:
    assert [s for s in page.sentences() if words(s) > MAX_WORDS] == []


@named
def test_blocks_name_a_language_that_the_tests_know(page: Page) -> None:
    """Blocks of bash and sh, and of python with ``import perfexp``, are run by tests/test_readme.py."""
    assert page.languages <= {"bash", "sh", "python", "yaml", "toml", "text", "mermaid"}


@named
def test_files_that_are_named_exist(page: Page) -> None:
    for path in re.findall(r"`((?:perfexp|conf|tests|sweeps|docs|\.ci)/[\w./]*)`", page.text):
        assert (CHECKOUT / path).exists(), path


def test_tables_list_all_that_there_is() -> None:
    def listed(name: str) -> set[str]:
        cells = re.findall(r"^\|([^|]*)\|", (CHECKOUT / "docs" / name).read_text(), re.MULTILINE)
        return {word for cell in cells for word in re.findall(r"[\w.]+", cell)}

    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    code = "\n".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "perfexp").rglob("*.py"))
    assert {str(int(one)) for one in Exit} <= listed("reference/exit_codes.md")
    assert set(RunKind) <= listed("reference/run.md")
    assert set(re.findall(r"PERFEXP_[A-Z]+", code)) <= listed("reference/environment.md")
    assert set(project["optional-dependencies"]) <= listed("install.md")
    assert {path.stem for path in (CHECKOUT / "sweeps").glob("*.yaml")} <= listed("guides/sweeps.md")
    assert {path.stem for path in (CHECKOUT / "conf" / "source").glob("*.yaml")} <= listed("guides/import.md")
    assert {path.stem for path in (CHECKOUT / "conf" / "dataset").glob("*.yaml")} <= listed(
        "guides/accuracy.md"
    )


def test_sentences_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(
        "# A heading. Not read\n\nOne `a. B` here. Two [by X. Wang. And](x.md) stands:\n- three\n"
        "- four! Five\n\n| a table. Not read |\n\n```bash\nno. Code\n```\n\nSix is 3.5 % e.g. Here.\n"
    )
    first, *others, last = Page(path).sentences()
    assert first == "One CODE here."
    assert others == ["Two by X. Wang.", "And stands:", "three", "four!", "Five"]
    assert last == "Six is 3.5 % e.g. Here."
    assert words("Six × 3.5 % is `code`.") == 4


def test_generated_pages_are_those_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    spec = importlib.util.spec_from_file_location("docs_generate", CHECKOUT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    for path, text in generate.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"run python docs/generate.py: {path}"
