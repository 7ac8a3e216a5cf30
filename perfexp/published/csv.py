"""Any CSV file with a column of models, and latencies in one column or one for each batch size."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import nan
from pathlib import Path

from perfexp.errors import ConfigError, listed
from perfexp.metrics import METRICS
from perfexp.published._cells import MS, header_unit, latency_ms, metric, named, whole
from perfexp.published.base import Broken, Row, Source, SourceConfig, require_columns, required
from perfexp.quantities import Decimal, decimal_of
from perfexp.tables import Table

_BATCH_COLUMN = re.compile(r"(?:(?:bs|b|batch|batch_size)[_ -]?)?(\d+)", re.IGNORECASE)


class Unit(StrEnum):
    """Unit of the latencies."""

    s = "s"
    ms = "ms"
    us = "us"


class Per(StrEnum):
    """Whether a latency is a whole batch's, or divided by its images."""

    batch = "batch"
    image = "image"


@dataclass
class CsvConfig(SourceConfig):
    """The columns of a table.

    Either ``latency_column`` and ``batch_size_column`` name one measurement a line, or
    ``batch_columns`` maps each latency column to its batch size; with neither, columns with names
    such as ``bs8``, ``batch_size_8`` or ``8`` are used. ``unit`` is by default that of a column's name,
    such as "Time (s)", or ms; ``decimal`` and ``delimiter`` are by default what the table shows.
    With ``fractions``, percentages stand in the table as fractions. ``metric_columns`` maps names of
    :mod:`perfexp.metrics` (``params``, ``macs``, ``published_top1``, …) to columns.
    """

    name: str = "csv"
    model_column: str = "model"
    latency_column: str | None = None
    batch_size_column: str = "batch_size"
    batch_columns: dict[str, int] = field(default_factory=dict)
    unit: Unit | None = None
    decimal: Decimal | None = None
    fractions: bool = False
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
        table, broken = self.read(path)
        yield from broken
        self._check(path, table)
        columns = self._columns(path, table)
        units = {column: self._unit(column) for column in columns}
        seen = self._decimal_marks(table, columns)
        self._require_readable(path, table, seen)
        for number, cells in table.lines:
            where = f"{path.name} line {number}"
            try:
                line = self._line(where, cells)
            except ValueError as error:
                yield Broken(where, str(error))
                continue
            metrics, unread = self._metrics(cells, seen)
            yield from (Broken(where, reason) for reason in unread)
            for column, batch_size in columns.items():
                try:
                    size = batch_size or whole(cells, self.config.batch_size_column, seen)
                    images = size if self.config.per == Per.image else 1
                    mean_ms = latency_ms(cells, column, units[column], seen) * images
                    yield replace(line, batch_size=size, latency_mean_ms=mean_ms, metrics=metrics)
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
            params={k: v for k, v in params.items() if v},
            tags={k: cells[c] for k, c in tags.items() if c and cells[c]},
        )

    def _metrics(
        self, cells: Mapping[str, str], seen: frozenset[Decimal]
    ) -> tuple[dict[str, float], list[str]]:
        """Return the line's further metrics, and why some were left out."""
        found: dict[str, float] = {}
        unread: list[str] = []
        fractions = self.config.fractions
        for name, column in self.config.metric_columns.items():
            try:
                value = metric(cells, _as_headed(column, cells), name, seen, fractions)
            except ValueError as error:
                unread.append(f"{error}{_left_out(name)}")
                continue
            if value is not None:
                found[name] = value
        return found, unread

    def _require_readable(self, path: Path, table: Table, seen: frozenset[Decimal]) -> None:
        """Check that each column of metrics can be read somewhere.

        Raises:
            ConfigError: a column has cells, and none of them is a value of its metric.
        """
        all_lines = [self._metrics(cells, seen) for _, cells in table.lines]
        reasons = [reason for _, unread in all_lines for reason in unread]
        read = {name for found, _ in all_lines for name in found}
        for name in self.config.metric_columns.keys() - read:
            first = next((reason for reason in reasons if reason.endswith(_left_out(name))), None)
            if first:
                raise ConfigError(
                    f"{path} has no {name} that can be read: {first.removesuffix(_left_out(name))}."
                )

    def _decimal_marks(self, table: Table, columns: Iterable[str]) -> frozenset[Decimal]:
        """Return the decimal mark that was given, or the marks that the table's numbers show."""
        if self.config.decimal:
            return frozenset({self.config.decimal})
        used = {*columns, self.config.batch_size_column, *self.config.metric_columns.values()}
        numeric = {_as_headed(column, table.header) for column in used} & {*table.header}
        return decimal_of(cells[column] for _, cells in table.lines for column in numeric)

    def _unit(self, column: str) -> str:
        """Return the unit of a latency column.

        Raises:
            ConfigError: its name says another than ``source.unit``.
        """
        named_unit, given = header_unit(column), self.config.unit
        if named_unit in MS and given and MS[named_unit] != MS[given]:
            raise ConfigError(
                f"The column {column!r} says {named_unit}, source.unit={given}; leave source.unit out, or "
                "rename the column."
            )
        return given or (named_unit if named_unit in MS else Unit.ms)

    def _check(self, path: Path, table: Table) -> None:
        config = self.config
        for setting in ("model_column", "backend_column", "family_column", "display_name_column"):
            column = getattr(config, setting)
            require_columns(path, table, [column] if column else [], f"source.{setting}")
        require_columns(
            path,
            table,
            [_as_headed(c, table.header) for c in config.metric_columns.values()],
            "source.metric_columns",
        )
        unknown = sorted(config.metric_columns.keys() - METRICS.keys())
        if unknown:
            raise ConfigError(
                f"source.metric_columns names {unknown[0]!r}, which is no metric; "
                "use params, macs, published_top1, published_top5 or another of perfexp.metrics."
            )
        if config.latency_column and config.batch_columns:
            raise ConfigError("source.latency_column and source.batch_columns were both given; keep one.")
        if config.latency_column:
            require_columns(path, table, [config.latency_column], "source.latency_column")
            require_columns(path, table, [config.batch_size_column], "source.batch_size_column")

    def _columns(self, path: Path, table: Table) -> Mapping[str, int | None]:
        """Return the batch size of each latency column; None if a separate column holds it."""
        if self.config.latency_column:
            return {self.config.latency_column: None}
        given = {_as_headed(c, table.header): size for c, size in self.config.batch_columns.items()}
        require_columns(path, table, list(given), "source.batch_columns")
        if any(size < 1 for size in given.values()):
            raise ConfigError("A batch size in source.batch_columns is below 1; give positive numbers.")
        found = {c: int(m[1]) for c in table.header if (m := _BATCH_COLUMN.fullmatch(c)) and int(m[1]) > 0}
        if not (given or found):
            raise ConfigError(
                f"{path} has no column named after a batch size (its columns: {listed(table.header)}); "
                "set source.latency_column, or source.batch_columns='{column: 8, …}'."
            )
        return dict(given) or found


def _left_out(metric_name: str) -> str:
    return f" ({metric_name} alone is left out)"


def _as_headed(column: str, header: Container[str]) -> str:
    """Return the column's name, without the backslashes that a command line may have asked for."""
    return column if column in header else re.sub(r"\\(.)", r"\1", column)


SOURCE = CsvSource
