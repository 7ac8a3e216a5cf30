"""Model sources: each module here is a library that classifiers come from, found by its file name."""

from perfexp.errors import ModelError, nearest
from perfexp.models.base import Source
from perfexp.plugins import MODEL_SOURCES


def source(name: str) -> Source:
    """Return the source called ``name``; raise ModelError if there is none."""
    found: Source = MODEL_SOURCES.find(name)
    return found


def source_of(model: str) -> str:
    """Return the source of a model of this name: torchvision where timm has it too, as in conf/model.

    Raises:
        ModelError: no source has it.
    """
    known = {one: source(one).names() for one in reversed(MODEL_SOURCES.names())}
    found = [one for one, own in known.items() if model.split(".")[0] in own]
    if not found:
        every = sorted({name for own in known.values() for name in own})
        raise ModelError(f"No library has a model named {model!r}: {nearest(model, every)}; name another.")
    return found[0]
