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
_REPLACED = {_PREFIX + name for name in (*_NARROWED, "timestamp")}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """A loader with fewer kinds of plain words, which refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [key.value for key, _value in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                place = node.value[number][0].start_mark
                raise yaml.constructor.ConstructorError(problem=f"{key} stands twice", problem_mark=place)
        return super().construct_mapping(node, deep)  # type: ignore[no-any-return]


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in _REPLACED]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, _pattern in _NARROWED.items():
    _Loader.add_implicit_resolver(_PREFIX + _name, re.compile(_pattern), list("-+.0123456789tTfF"))


def read(text: str) -> object:
    """Return what the YAML document holds.

    Raises:
        yaml.YAMLError: the text is no YAML, several documents, or a mapping with a key twice.
    """
    return yaml.load(text, _Loader)
