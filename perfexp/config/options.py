"""Fields of configurations with their meanings, and how to list them."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import TypeVar, cast, get_type_hints

from omegaconf import MISSING

T = TypeVar("T")


def option(default: T, meaning: str, **about: object) -> T:
    """Return a dataclass field with its meaning, which the help of the verbs prints.

    Args:
        default: of the field; each instance gets a copy of its own.
        meaning: a few words, with the unit.
        about: ``choose`` names the preset of a group that is taken when none is named, ``plugins`` the
            kind of plug-in that brings the schema; ``internal`` fields are set by perfexp itself.
    """
    about = {"help": meaning, **about}
    if default is MISSING or isinstance(default, str | int | float | None):
        return cast(T, field(default=default, metadata=about))
    return field(default_factory=lambda: deepcopy(default), metadata=about)


def typed_name(field_name: str) -> str:
    """Return how a field is typed: ``from_`` is typed ``from``, which Python keeps for itself."""
    return field_name.removesuffix("_")


@dataclass(frozen=True)
class Leaf:
    """A field that takes a value: its full key, type, default and meaning."""

    key: str
    type: object
    default: object
    meaning: str


def leaves(kind: type, prefix: str = "") -> Iterator[Leaf]:
    """Yield every field that takes a value, those of nested dataclasses behind their own."""
    hints = get_type_hints(kind)
    for one in fields(kind):
        key, meaning = prefix + typed_name(one.name), str(one.metadata.get("help", ""))
        if one.metadata.get("internal"):
            continue
        yield Leaf(key, hints[one.name], _default(one), meaning)
        if is_dataclass(hints[one.name]):
            yield from leaves(cast(type, hints[one.name]), f"{key}.")


def _default(field: "Field[object]") -> object:
    if "choose" in field.metadata:
        return field.metadata["choose"]
    if field.default_factory is not NO_DEFAULT:
        return field.default_factory()
    return field.default
