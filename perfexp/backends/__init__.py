"""Backends: each module but ``base`` is one, found by its file name or by an entry point."""

from perfexp.backends.base import Backend
from perfexp.config.schema import BackendConfig
from perfexp.plugins import BACKENDS


def names() -> list[str]:
    """Return the names that ``backend=`` may take."""
    return BACKENDS.names()


def backend_class(name: str) -> type[Backend]:
    """Return the class of the backend called ``name``.

    Raises:
        BackendError: there is no such backend.
    """
    found: type[Backend] = BACKENDS.find(name).BACKEND
    return found


def create(config: BackendConfig) -> Backend:
    """Return the backend that ``config`` names."""
    return backend_class(config.name)(config)
