"""Backends: each module but ``base`` is one, found by its file name or by an entry point."""

from perfexp.backends.base import Backend
from perfexp.config.schema import BackendConfig
from perfexp.plugins import BACKENDS


def create(config: BackendConfig) -> Backend:
    """Return the backend that ``config`` names; raise BackendError if there is none."""
    backend: Backend = BACKENDS.find(config.name)(config)
    return backend
