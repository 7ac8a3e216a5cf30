"""How names are listed in sentences, and compared."""

from collections.abc import Sequence

from perfexp import errors


def listed(names: Sequence[str], most: int = 6, separator: str = ", ") -> str:
    """Return ``a, b, c and 4 more``."""
    return errors.listed(names, most, separator, rest="more")


def folded(name: str) -> str:
    """Return the name's letters and digits in lower case, so that ``Wide ResNet`` equals ``wide_resnet``."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())
