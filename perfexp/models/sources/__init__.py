"""Model sources: each module here is a library that classifiers come from, found by its file name."""

from perfexp.config.overrides import library_of
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
    if found := library_of(model):
        return found
    every = sorted({name for one in MODEL_SOURCES.names() for name in source(one).names()})
    raise ModelError(f"No library has a model named {model!r}: {nearest(model, every)}; name another.")
