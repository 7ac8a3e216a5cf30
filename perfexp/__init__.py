"""perfexp: how fast, how accurate and how heavy an image classifier is, cell by cell."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perfexp.runs.load import load_runs

__all__ = ["load_runs"]


def __getattr__(name: str) -> object:
    """Import pandas and the reader only when they are asked for."""
    if name in __all__:
        from perfexp.runs import load

        return getattr(load, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
