"""Model sources: each module here but ``base`` is a library that classifiers come from."""

from perfexp import registry
from perfexp.errors import ModelError
from perfexp.models.base import IMAGENET, Facts, Preprocessing, Source

__all__ = ["IMAGENET", "Facts", "Preprocessing", "Source", "names", "source"]


def names() -> list[str]:
    """Names that ``model.source`` may take."""
    return registry.names(__name__)


def source(name: str) -> Source:
    """The source called ``name``.

    Raises:
        ModelError: there is no such source.
    """
    found: Source = registry.find(__name__, name, "model source", ModelError).SOURCE
    return found
