"""The contract of a table layout: from a file to rows and broken lines.

A module in this package defines one Source and names it ``SOURCE``.
"""

import csv
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from omegaconf import MISSING

from perfexp.errors import ConfigError, nearest

Line = tuple[int, Mapping[str, str]]


@dataclass
class SourceConfig:
    """What every published table has; each layout adds fields in its module."""

    name: str = MISSING


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


def read(path: Path) -> tuple[Sequence[str], list[Line]]:
    """Return header and numbered lines of a CSV file; lines that begin with ``#`` are comments.

    Raises:
        ConfigError: the file cannot be read as a table.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"{path} cannot be read ({reason}); give path= a CSV file.") from error
    numbered = [(n, line) for n, line in enumerate(text.splitlines(), 1) if not line.startswith("#")]
    reader = csv.DictReader(line for _, line in numbered)
    header = [name.strip() for name in reader.fieldnames or []]
    if len(header) < 2:
        raise ConfigError(f"{path} has no table of comma-separated columns; give path= a CSV file.")
    reader.fieldnames = header
    lines: list[Line] = [
        (numbered[reader.line_num - 1][0], {k: (v or "").strip() for k, v in cells.items() if k in header})
        for cells in reader
    ]
    return header, lines


def require_columns(path: Path, header: Sequence[str], required: Sequence[str], setting: str) -> None:
    """Check that the table has the columns.

    Raises:
        ConfigError: one is missing; names the nearest and the setting to change.
    """
    for column in required:
        if column not in header:
            raise ConfigError(
                f"{path} has no column {column!r}: {nearest(column, header)}; set {setting} to one of them."
            )


def positive(cells: Mapping[str, str], column: str) -> float:
    """Return the number in a column; commas may separate thousands.

    Raises:
        ValueError: it is not a positive, finite number.
    """
    text = cells[column]
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{column} is {text!r} where a positive number belongs")
    return value


def whole(cells: Mapping[str, str], column: str) -> int:
    """Return the positive integer in a column.

    Raises:
        ValueError: it is not a positive integer.
    """
    value = positive(cells, column)
    if value != int(value):
        raise ValueError(f"{column} is {cells[column]!r} where a whole number belongs")
    return int(value)


def named(cells: Mapping[str, str], column: str) -> str:
    """Return the text in a column.

    Raises:
        ValueError: it is empty.
    """
    if not cells[column]:
        raise ValueError(f"{column} is empty")
    return cells[column]
