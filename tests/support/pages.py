"""README and docs as pages: their blocks, links, headings and sentences, read with the standard library."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
README, INDEX = CHECKOUT / "README.md", CHECKOUT / "docs" / "index.md"
_FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[((?:[^][]|\[[^]]*\])*)\]\(([^)\s]+)\)")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+", re.MULTILINE)
_END = re.compile(r"(?<=[.!?])[\"”’)*_]*\s+(?=[^a-z\s]|perfexp\b|int8\b)")
_ABBREVIATED = re.compile(r"(?:\b[A-Z]|\be\.g|\bi\.e|\bvs|\bal|\bNo)\.$")


@dataclass(frozen=True)
class Page:
    """A file in Markdown."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def name(self) -> str:
        return self.path.relative_to(CHECKOUT).as_posix()

    def blocks(self, language: str) -> list[str]:
        """Return the fenced blocks of a language."""
        return [body for tongue, body in _FENCE.findall(self.text) if tongue == language]

    @property
    def languages(self) -> set[str]:
        """The languages of all fenced blocks."""
        return {tongue for tongue, _ in _FENCE.findall(self.text)}

    @property
    def prose(self) -> str:
        """The text without fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def links(self) -> list[str]:
        """The targets of all links and pictures that are no addresses."""
        targets = re.findall(r"\]\(([^)\s]+)\)", self.prose)
        return [target for target in dict.fromkeys(targets) if not re.match(r"\w+:", target)]

    def target(self, link: str) -> tuple[Path, str]:
        """Return the file and the heading that a link of this page names."""
        place, _, heading = link.partition("#")
        return (self.path.parent / place).resolve() if place else self.path, heading

    @property
    def anchors(self) -> set[str]:
        """What links may name behind ``#``."""
        titles = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}

    def sentences(self) -> Iterator[str]:
        """Yield the sentences outside code, tables and headings; code within one is a word."""
        text = re.sub(r"<!--.*?-->", "", self.prose, flags=re.DOTALL)
        text = re.sub(r"`[^`]+`", "CODE", text)
        text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", text)
        text = _LINK.sub(r"\1", text)
        lines = [line for line in text.splitlines() if not line.lstrip().startswith(("|", "#"))]
        for paragraph in re.split(r"\n\s*\n", _ITEM.sub("\n\n", "\n".join(lines))):
            yield from _split(" ".join(paragraph.split()))


def _split(paragraph: str) -> Iterator[str]:
    begun = ""
    for part in _END.split(paragraph):
        begun = f"{begun} {part}".strip()
        if not _ABBREVIATED.search(begun):
            yield begun
            begun = ""
    if begun:
        yield begun


def words(sentence: str) -> int:
    """Return the number of words; signs such as × and = are none."""
    return sum(1 for token in sentence.split() if re.search(r"\w", token))


def readme() -> Page:
    """Return the first page."""
    return Page(README)


def docs() -> list[Page]:
    """Return all pages below docs/, in the order in which they are reached from its index."""
    reached, left = {}, [INDEX]
    while left:
        page = Page(left.pop(0))
        reached[page.path] = page
        found = [page.target(link)[0] for link in page.links]
        left += [
            path
            for path in dict.fromkeys(found)
            if path not in reached
            and path not in left
            and path.suffix == ".md"
            and path.is_file()
            and path.is_relative_to(INDEX.parent)
        ]
    return list(reached.values())


def pages() -> list[Page]:
    """Return the README, then all pages of docs/."""
    return [readme(), *docs()]
