"""Published tables: each public module here except ``base`` is a table layout, found by its file name."""

from perfexp.published.base import Broken, Row, Source

__all__ = ["Broken", "Row", "Source"]
