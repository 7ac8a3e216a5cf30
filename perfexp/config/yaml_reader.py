"""YAML in which names stay text: 2026_01_15, 2026-01-15, 1:30, 017 and no are neither numbers nor dates.

PyYAML follows YAML 1.1, in which they are. Here a plain word is a number or a boolean if JSON has it too.
"""

import re

import yaml

_PREFIX = "tag:yaml.org,2002:"
_NARROWED = {
    "bool": r"(?i:true|false)$",
    "int": r"[-+]?(?:0|[1-9][0-9]*)$",
    "float": r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|\.inf)$|\.nan$",
}
MAX_CHARACTERS, _MAX_VALUES, _MAX_DEPTH = 100_000, 10_000, 50
"""PyYAML reads half of these characters in a quarter of a second; aliases can turn a line into any number."""
_REPLACED = {_PREFIX + name for name in (*_NARROWED, "timestamp")}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """A loader with fewer kinds of plain words, which refuses a key that stands twice, and too much."""

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            _require_small(node, {})
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"{key.value} stands twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)  # type: ignore[no-any-return]


def _require_small(node: yaml.Node, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Return how many values the node has, its aliases written out, and how deep they are nested.

    Raises:
        yaml.YAMLError: too many or too deep, or the node holds itself.
    """
    if id(node) in known:
        if found := known[id(node)]:
            return found
        raise yaml.MarkedYAMLError(problem="an alias within what it stands for", problem_mark=node.start_mark)
    known[id(node)] = None
    children = [] if isinstance(node, yaml.ScalarNode) else node.value
    flat = [one for child in children for one in (child if isinstance(child, tuple) else (child,))]
    sizes = [_require_small(child, known) for child in flat]
    count, depth = 1 + sum(size for size, _ in sizes), 1 + max((deep for _, deep in sizes), default=0)
    if count > _MAX_VALUES or depth > _MAX_DEPTH:
        what = f"more than {_MAX_VALUES:,} values" if count > _MAX_VALUES else f"over {_MAX_DEPTH} levels"
        raise yaml.MarkedYAMLError(problem=f"{what}, aliases written out", problem_mark=node.start_mark)
    known[id(node)] = count, depth
    return count, depth


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in _REPLACED]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, _pattern in _NARROWED.items():
    _Loader.add_implicit_resolver(_PREFIX + _name, re.compile(_pattern), list("-+.0123456789tTfF"))


def read(text: str) -> object:
    """Return what the YAML document holds.

    Raises:
        yaml.YAMLError: the text is no YAML, several documents, a mapping with a key twice, or too much.
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"more than {MAX_CHARACTERS:,} characters")
    try:
        return yaml.load(text, _Loader)
    except RecursionError as error:
        raise yaml.YAMLError(f"over {_MAX_DEPTH} levels") from error


def may_be_too_much(text: str) -> bool:
    """Return whether the text could hold more than is read, which a plain file does not."""
    return len(text) > MAX_CHARACTERS or ("&" in text and "*" in text) or _deepest(text) > _MAX_DEPTH


def _deepest(text: str) -> int:
    """Return a bound of how deep the text is nested."""
    brackets = text.count("[") + text.count("{")
    return brackets + max((len(line) - len(line.lstrip(" -?:")) for line in text.splitlines()), default=0)
