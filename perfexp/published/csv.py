"""Any CSV file with a column of models, and latencies in one column or one for each batch size."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import nan
from pathlib import Path

from perfexp.errors import ConfigError
from perfexp.metrics import METRICS
from perfexp.published.base import (
    Broken,
    Row,
    Source,
    SourceConfig,
    named,
    positive,
    read,
    require_columns,
    required,
    whole,
)

_BATCH_COLUMN = re.compile(r"(?:bs|b|batch|batch_size)[_ -]?(\d+)", re.IGNORECASE)


class Unit(StrEnum):
    """Unit of the latencies."""

    s = "s"
    ms = "ms"
    us = "us"


class Per(StrEnum):
    """Whether a latency is a whole batch's, or divided by its images."""

    batch = "batch"
    image = "image"


_IN_MS = {Unit.s: 1e3, Unit.ms: 1.0, Unit.us: 1e-3}


@dataclass
class CsvConfig(SourceConfig):
    """The columns of a table.

    Either ``latency_column`` and ``batch_size_column`` name one measurement a line, or
    ``batch_columns`` maps each latency column to its batch size; with neither, columns with names
    such as ``bs8`` or ``batch_size_8`` are used. ``metric_columns`` maps names of
    :mod:`perfexp.metrics` (``params``, ``macs``, ``published_top1``, …) to columns.
    """

    name: str = "csv"
    model_column: str = "model"
    latency_column: str | None = None
    batch_size_column: str = "batch_size"
    batch_columns: dict[str, int] = field(default_factory=dict)
    unit: Unit = Unit.ms
    per: Per = Per.batch
    backend: str = "published"
    backend_column: str | None = None
    device: str | None = None
    precision: str | None = None
    family_column: str | None = None
    display_name_column: str | None = None
    metric_columns: dict[str, str] = field(default_factory=dict)
    citation: str | None = None


class CsvSource(Source):
    """A table of the user, read by the mapping in its configuration."""

    Config = CsvConfig
    config: CsvConfig

    def title(self, path: Path | None) -> str:
        return required(path, self.config.name).stem

    def rows(self, path: Path | None) -> Iterator[Row | Broken]:
        path = required(path, self.config.name)
        header, lines = read(path)
        self._check(path, header)
        columns = self._columns(path, header)
        for number, cells in lines:
            where = f"{path.name} line {number}"
            try:
                line = self._line(where, cells)
            except ValueError as error:
                yield Broken(where, str(error))
                continue
            for column, batch_size in columns.items():
                try:
                    size = batch_size or whole(cells, self.config.batch_size_column)
                    images = size if self.config.per == Per.image else 1
                    latency_ms = positive(cells, column) * _IN_MS[self.config.unit] * images
                    yield replace(line, batch_size=size, latency_mean_ms=latency_ms)
                except ValueError as error:
                    yield Broken(where, str(error))

    def _line(self, where: str, cells: Mapping[str, str]) -> Row:
        """Return what all batch sizes of one line share."""
        config = self.config
        tags = {"family": config.family_column, "display_name": config.display_name_column}
        params = {"backend.device": config.device, "backend.precision": config.precision}
        return Row(
            where,
            model=named(cells, config.model_column),
            backend=named(cells, config.backend_column) if config.backend_column else config.backend,
            batch_size=0,
            latency_mean_ms=nan,
            metrics={m: positive(cells, c) for m, c in config.metric_columns.items() if cells[c]},
            params={k: v for k, v in params.items() if v},
            tags={k: cells[c] for k, c in tags.items() if c and cells[c]},
        )

    def _check(self, path: Path, header: Sequence[str]) -> None:
        config = self.config
        for setting in ("model_column", "backend_column", "family_column", "display_name_column"):
            column = getattr(config, setting)
            require_columns(path, header, [column] if column else [], f"source.{setting}")
        require_columns(path, header, list(config.metric_columns.values()), "source.metric_columns")
        unknown = sorted(config.metric_columns.keys() - METRICS.keys())
        if unknown:
            raise ConfigError(
                f"source.metric_columns names {unknown[0]!r}, which is no metric; "
                "use params, macs, published_top1, published_top5 or another of perfexp.metrics."
            )
        if config.latency_column and config.batch_columns:
            raise ConfigError("source.latency_column and source.batch_columns were both given; keep one.")
        if config.latency_column:
            require_columns(path, header, [config.latency_column], "source.latency_column")
            require_columns(path, header, [config.batch_size_column], "source.batch_size_column")

    def _columns(self, path: Path, header: Sequence[str]) -> Mapping[str, int | None]:
        """Return the batch size of each latency column; None if a separate column holds it."""
        if self.config.latency_column:
            return {self.config.latency_column: None}
        given = self.config.batch_columns
        require_columns(path, header, list(given), "source.batch_columns")
        if any(size < 1 for size in given.values()):
            raise ConfigError("A batch size in source.batch_columns is below 1; give positive numbers.")
        found = {c: int(m[1]) for c in header if (m := _BATCH_COLUMN.fullmatch(c)) and int(m[1]) > 0}
        if not (given or found):
            raise ConfigError(
                f"{path} has no column named after a batch size (its columns: {', '.join(header)}); "
                "set source.latency_column, or source.batch_columns='{column: 8, …}'."
            )
        return dict(given) or found


SOURCE = CsvSource
