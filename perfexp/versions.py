"""Versions of installed distributions, read without importing them."""

from functools import cache
from importlib import metadata


@cache
def version(distribution: str) -> str:
    """The installed version, or ``absent``."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"
