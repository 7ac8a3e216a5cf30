"""Published tables: each module here but ``base`` is a layout of one, found by its file name."""

from perfexp.config.settings import SourceConfig
from perfexp.plugins import TABLES
from perfexp.published.base import Broken, Row, Source

__all__ = ["Broken", "Row", "Source", "create", "names", "source_class"]


def names() -> list[str]:
    """Names that ``source=`` may take."""
    return TABLES.names()


def source_class(name: str) -> type[Source]:
    """The class of the source called ``name``.

    Raises:
        ConfigError: there is no such source.
    """
    found: type[Source] = TABLES.find(name).SOURCE
    return found


def create(config: SourceConfig) -> Source:
    """The source that ``config`` names."""
    return source_class(config.name)(config)
