"""Published tables: each public module here except ``base`` is a table layout, found by its file name."""

from perfexp.plugins import TABLES
from perfexp.published.base import Source, SourceConfig


def create(config: SourceConfig) -> Source:
    """Return the source that ``config`` names; raise ConfigError if there is none."""
    source: Source = TABLES.find(config.name)(config)
    return source
