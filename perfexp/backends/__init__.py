"""Backends: each module here but ``base`` is one, found by its file name."""

from perfexp import registry
from perfexp.backends.base import Backend
from perfexp.config import BackendConfig
from perfexp.errors import BackendError


def names() -> list[str]:
    """Names that ``backend=`` may take."""
    return registry.names(__name__)


def backend_class(name: str) -> type[Backend]:
    """The class of the backend called ``name``.

    Raises:
        BackendError: there is no such backend.
    """
    found: type[Backend] = registry.find(__name__, name, "backend", BackendError).BACKEND
    return found


def create(config: BackendConfig) -> Backend:
    """The backend that ``config`` names."""
    return backend_class(config.name)(config)
