"""Backends: each module here but ``base`` is one, found by its file name."""

from perfexp import plugins
from perfexp.backends.base import Backend
from perfexp.config.schema import BackendConfig
from perfexp.errors import BackendError


def names() -> list[str]:
    """Return the names that ``backend=`` may take."""
    return plugins.names(__name__)


def backend_class(name: str) -> type[Backend]:
    """Return the class of the backend called ``name``.

    Raises:
        BackendError: there is no such backend.
    """
    found: type[Backend] = plugins.find(__name__, name, "backend", BackendError).BACKEND
    return found


def create(config: BackendConfig) -> Backend:
    """Return the backend that ``config`` names."""
    return backend_class(config.name)(config)
