"""Published tables: each public module here except ``base`` is a table layout, found by its file name."""

from perfexp import plugins
from perfexp.config.settings import SourceConfig
from perfexp.errors import ConfigError
from perfexp.published.base import Broken, Row, Source

__all__ = ["Broken", "Row", "Source", "create", "names", "source_class"]


def names() -> list[str]:
    """Return the names that ``source=`` accepts."""
    return plugins.names(__name__)


def source_class(name: str) -> type[Source]:
    """Return the class of the source called ``name``.

    Raises:
        ConfigError: there is no such source.
    """
    found: type[Source] = plugins.find(__name__, name, "source", ConfigError).SOURCE
    return found


def create(config: SourceConfig) -> Source:
    """Return the source that ``config`` names."""
    return source_class(config.name)(config)
