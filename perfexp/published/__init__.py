"""Published tables: each module here but ``base`` is a layout of one, found by its file name."""

from perfexp import plugins
from perfexp.config.settings import SourceConfig
from perfexp.errors import ConfigError
from perfexp.published.base import Broken, Row, Source

__all__ = ["Broken", "Row", "Source", "create", "names", "source_class"]


def names() -> list[str]:
    """Names that ``source=`` may take."""
    return plugins.names(__name__)


def source_class(name: str) -> type[Source]:
    """The class of the source called ``name``.

    Raises:
        ConfigError: there is no such source.
    """
    found: type[Source] = plugins.find(__name__, name, "source", ConfigError).SOURCE
    return found


def create(config: SourceConfig) -> Source:
    """The source that ``config`` names."""
    return source_class(config.name)(config)
