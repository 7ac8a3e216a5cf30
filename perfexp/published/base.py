"""The contract of a table layout: from a file to rows and broken lines.

A module in this package defines one Source and names it ``SOURCE``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from omegaconf import MISSING

from perfexp import tables
from perfexp.config.options import option
from perfexp.errors import ConfigError, nearest


@dataclass
class SourceConfig:
    """What every published table has; each layout adds fields in its module."""

    name: str = MISSING
    delimiter: tables.Delimiter | None = option(None, "between cells; what the table shows if null")
    encoding: str | None = option(None, "of the file, such as cp1252; UTF-8 or its mark's if null")


@dataclass(frozen=True)
class Row:
    """One published measurement: a model on a backend at a batch size.

    Attributes:
        where: file and line.
        latency_mean_ms: mean wall time of a whole batch.
        metrics: other values of the table, under the names of :mod:`perfexp.metrics`.
        params: further choices the number depends on, such as ``backend.device``.
        tags: facts that are not numbers.
    """

    where: str
    model: str
    backend: str
    batch_size: int
    latency_mean_ms: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Broken:
    """A place in a table without a usable measurement, and the reason."""

    where: str
    reason: str


class Source(ABC):
    """A layout of published tables."""

    Config: ClassVar[type[SourceConfig]] = SourceConfig
    citation: ClassVar[str] = ""
    """Who published the numbers; a tag of the runs."""

    def __init__(self, config: SourceConfig) -> None:
        self.config = config

    def read(self, path: Path) -> tuple[tables.Table, list[Broken]]:
        """Return a file's table and its broken lines, by file and line.

        Raises:
            ConfigError: the file cannot be read as a table.
        """
        table = tables.read(path, self.config.delimiter, self.config.encoding)
        return table, [Broken(f"{path.name} line {n}", reason) for n, reason in table.broken]

    @abstractmethod
    def title(self, path: Path | None) -> str:
        """Return the value of the runs' tag ``published_in``."""

    @abstractmethod
    def rows(self, path: Path | None) -> Iterator[Row | Broken]:
        """Yield the rows and broken places of the table, line by line.

        Raises:
            ConfigError: a path is missing, the file does not exist, or it has other columns.
        """


def required(path: Path | None, source: str) -> Path:
    """Return the path.

    Raises:
        ConfigError: it is None.
    """
    if path is None:
        raise ConfigError(f"source={source} reads your own file; give it as path=FILE.csv.")
    return path


def files_below(path: Path, *names: str) -> list[Path]:
    """Return the file itself, or the files of these names in and below a folder.

    Raises:
        ConfigError: there is none.
    """
    if not path.is_dir():
        if not path.is_file():
            raise ConfigError(f"{path} does not exist; give path= a file or folder.")
        return [path]
    found = sorted(file for name in names for file in path.rglob(name))
    if not found:
        raise ConfigError(f"{path} holds no {' or '.join(names)}; give path= such a file or its folder.")
    return found


def require_columns(path: Path, table: tables.Table, required: Sequence[str], setting: str) -> None:
    """Check that the table has the columns.

    Raises:
        ConfigError: one is missing; names the nearest and the setting to change.
    """
    for column in required:
        if column not in table.header:
            raise ConfigError(
                f"{path}, separated by {table.delimiter}s, has no column {column!r}: "
                f"{nearest(column, table.header)}; set {setting} to one of them."
            )
