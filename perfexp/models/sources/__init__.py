"""Model sources: each module here but ``base`` is a library that classifiers come from."""

from perfexp.errors import ModelError, nearest
from perfexp.models.base import IMAGENET, Facts, Preprocessing, Source
from perfexp.plugins import MODEL_SOURCES

__all__ = ["IMAGENET", "Facts", "Preprocessing", "Source", "names", "source", "source_of"]


def names() -> list[str]:
    """Return the names that ``model.source`` may take."""
    return MODEL_SOURCES.names()


def source_of(model: str) -> str:
    """Return the source of a model of this name: torchvision where timm has it too, as in conf/model.

    Raises:
        ModelError: no source has it.
    """
    known = {one: source(one).names() for one in reversed(names())}
    found = [one for one, own in known.items() if model.split(".")[0] in own]
    if not found:
        every = sorted({name for own in known.values() for name in own})
        raise ModelError(f"No library has a model named {model!r}: {nearest(model, every)}; name another.")
    return found[0]


def source(name: str) -> Source:
    """Return the source called ``name``.

    Raises:
        ModelError: there is no such source.
    """
    found: Source = MODEL_SOURCES.find(name).SOURCE
    return found
