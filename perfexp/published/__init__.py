"""Published tables: each public module here except ``base`` is a table layout, found by its file name."""

from perfexp.plugins import TABLES
from perfexp.published.base import Broken, Row, Source, SourceConfig

__all__ = ["Broken", "Row", "Source", "create", "names", "source_class"]


def names() -> list[str]:
    """Return the names that ``source=`` accepts."""
    return TABLES.names()


def source_class(name: str) -> type[Source]:
    """Return the class of the source called ``name``.

    Raises:
        ConfigError: there is no such source.
    """
    found: type[Source] = TABLES.find(name).SOURCE
    return found


def create(config: SourceConfig) -> Source:
    """Return the source that ``config`` names."""
    return source_class(config.name)(config)
